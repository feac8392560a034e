-- What units report, counted. The functions see every record, whatever its class or state, and give
-- numbers only; who may ask for which unit is decided by resolvers/reporting.py.
CREATE INDEX record_by_source ON record (source_unit_uscc, received_at);
CREATE INDEX batch_unit_by_unit ON batch_unit (unit_id, stamp);

-- `counted` is how many fields a kind declares; `terms` null for a kind without a term.
CREATE FUNCTION reported_records(
    units text[], since timestamptz, until timestamptz, form text,
    kinds text[], terms integer[], counted integer[]
) RETURNS TABLE (
    unit_id text, kind text, period text, records bigint, corrections bigint, statements bigint,
    timed bigint, on_time bigint, median integer, longest integer, filled bigint, fillable bigint
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT r.source_unit_uscc, r.kind, to_char(r.received_at AT TIME ZONE 'Asia/Shanghai', form),
        count(*), sum(v.statements - 1)::bigint, sum(v.statements)::bigint,
        count(spent.days), count(*) FILTER (WHERE spent.days <= k.term),
        percentile_disc(0.5) WITHIN GROUP (ORDER BY spent.days), max(spent.days),
        sum(CASE WHEN r.fields IS NULL THEN 0
            ELSE (SELECT count(*) FROM jsonb_object_keys(r.fields)) END)::bigint,
        sum(k.declared)::bigint
    FROM record r
    JOIN unnest(kinds, terms, counted) k (kind, term, declared) ON k.kind = r.kind
    CROSS JOIN LATERAL (
        SELECT greatest(count(*), 1) AS statements FROM record_version x
        WHERE x.subject_id = r.subject_id AND x.record_id = r.record_id) v
    LEFT JOIN LATERAL (
        SELECT greatest(e.ordinal - s.ordinal, 0) AS days FROM working_day s, working_day e
        WHERE k.term IS NOT NULL AND s.day = r.decision_date
          AND e.day = (r.received_at AT TIME ZONE 'Asia/Shanghai')::date) spent ON true
    WHERE r.source_unit_uscc = ANY (units) AND r.received_at >= since AND r.received_at < until
      AND r.status <> 'DELETED'
    GROUP BY 1, 2, 3
$$;
REVOKE ALL ON FUNCTION reported_records FROM PUBLIC;

-- Batches of one unit: of what several units sent in one file, only accepted lines have a unit.
CREATE FUNCTION reported_batches(
    units text[], since timestamptz, until timestamptz, form text
) RETURNS TABLE (
    unit_id text, kind text, period text, batches bigint, lines bigint, rejected bigint,
    with_findings bigint
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT u.unit_id, u.kind, to_char(u.stamp AT TIME ZONE 'Asia/Shanghai', form),
        count(*), sum(u.lines)::bigint,
        coalesce(sum(b.rejected) FILTER (WHERE alone.unit), 0)::bigint,
        coalesce(sum(b.with_findings) FILTER (WHERE alone.unit), 0)::bigint
    FROM batch_unit u JOIN batch b USING (batch_id)
    CROSS JOIN LATERAL (SELECT NOT EXISTS (
        SELECT FROM batch_unit o WHERE o.kind = u.kind AND o.stamp = u.stamp
           AND o.batch_id = u.batch_id AND o.unit_id <> u.unit_id) AS unit) alone
    WHERE u.unit_id = ANY (units) AND u.stamp >= since AND u.stamp < until
    GROUP BY 1, 2, 3
$$;
REVOKE ALL ON FUNCTION reported_batches FROM PUBLIC;

CREATE FUNCTION reported_findings(
    units text[], since timestamptz, until timestamptz, form text
) RETURNS TABLE (unit_id text, kind text, period text, code text, severity text, findings bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT u.unit_id, u.kind, to_char(u.stamp AT TIME ZONE 'Asia/Shanghai', form),
        f.code, f.severity, count(*)
    FROM batch_unit u JOIN batch_finding f USING (batch_id)
    WHERE u.unit_id = ANY (units) AND u.stamp >= since AND u.stamp < until
      AND NOT EXISTS (SELECT FROM batch_unit o WHERE o.kind = u.kind AND o.stamp = u.stamp
                         AND o.batch_id = u.batch_id AND o.unit_id <> u.unit_id)
    GROUP BY 1, 2, 3, 4, 5
$$;
REVOKE ALL ON FUNCTION reported_findings FROM PUBLIC;
