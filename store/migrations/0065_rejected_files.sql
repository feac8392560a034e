-- A file of which no line was accepted names no unit: it is the unit's that submitted it, so that
-- who sends nothing but faults is seen by its figures. Whether a file is of one unit alone is looked
-- up by the file; it took a step of each unit.
CREATE INDEX batch_unit_by_batch ON batch_unit (batch_id);

CREATE FUNCTION reported_files(
    units text[], since timestamptz, until timestamptz
) RETURNS TABLE (
    unit_id text, kind text, stamp timestamptz, batch_id uuid, lines integer, alone boolean
) LANGUAGE sql STABLE AS $$
    SELECT u.unit_id, u.kind, u.stamp, u.batch_id, u.lines, NOT EXISTS (
        SELECT FROM batch_unit o WHERE o.batch_id = u.batch_id AND o.kind = u.kind
           AND o.stamp = u.stamp AND o.unit_id <> u.unit_id)
    FROM batch_unit u
    WHERE u.unit_id = ANY (units) AND u.stamp >= since AND u.stamp < until
    UNION ALL
    SELECT s.unit_id, b.kind, b.stamp, b.batch_id, 0, true
    FROM (SELECT DISTINCT unit_id, unnest(batches) AS batch_id FROM submission
          WHERE unit_id = ANY (units)) s
    JOIN batch b USING (batch_id)
    WHERE b.stamp >= since AND b.stamp < until
      AND NOT EXISTS (SELECT FROM batch_unit o WHERE o.batch_id = b.batch_id)
$$;
REVOKE ALL ON FUNCTION reported_files FROM PUBLIC;

CREATE OR REPLACE FUNCTION reported_batches(
    units text[], since timestamptz, until timestamptz, form text
) RETURNS TABLE (
    unit_id text, kind text, period text, batches bigint, lines bigint, rejected bigint,
    with_findings bigint
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT u.unit_id, u.kind, to_char(u.stamp AT TIME ZONE 'Asia/Shanghai', form),
        count(*), sum(u.lines)::bigint,
        coalesce(sum(b.rejected) FILTER (WHERE u.alone), 0)::bigint,
        coalesce(sum(b.with_findings) FILTER (WHERE u.alone), 0)::bigint
    FROM reported_files(units, since, until) u JOIN batch b USING (batch_id)
    GROUP BY 1, 2, 3
$$;

CREATE OR REPLACE FUNCTION reported_findings(
    units text[], since timestamptz, until timestamptz, form text
) RETURNS TABLE (unit_id text, kind text, period text, code text, severity text, findings bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT u.unit_id, u.kind, to_char(u.stamp AT TIME ZONE 'Asia/Shanghai', form),
        f.code, f.severity, count(*)
    FROM reported_files(units, since, until) u JOIN batch_finding f USING (batch_id)
    WHERE u.alone
    GROUP BY 1, 2, 3, 4, 5
$$;
