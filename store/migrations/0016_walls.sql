-- The second wall: what was last made of roles, rights and row policies (store/wall.py).
CREATE TABLE wall (
    digest bytea NOT NULL
);

-- Repaired records are behind every reader's wall; that there was a repair makes a grade stale.
CREATE FUNCTION repaired_within(subject uuid, origin text, after date, until date)
RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM record p
         WHERE p.subject_id = subject AND p.origin_region = origin
           AND (p.status = 'REPAIRED' OR p.display_end_reason IN ('修复', 'REPAIRED')
                OR p.fields ->> 'removedReason' LIKE '%修复%')
           AND p.display_ended_on > after AND p.display_ended_on <= until)
$$;
REVOKE ALL ON FUNCTION repaired_within FROM PUBLIC;
