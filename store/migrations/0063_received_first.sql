-- A record's own time of receipt is when it first came, as the statistics count it: sent again, or
-- corrected, it was shown as reported late. What came since is told by its statements.
UPDATE record r SET received_at = v.first
FROM (SELECT subject_id, record_id, min(stamp) AS first FROM record_version
      WHERE NOT coalesce(content ?| ARRAY['withdrawnOn', 'supersededBy'], false)
      GROUP BY subject_id, record_id HAVING count(*) > 1) v
WHERE r.subject_id = v.subject_id AND r.record_id = v.record_id AND r.received_at > v.first;

DROP INDEX record_by_source;
CREATE INDEX record_by_source ON record (source_unit_uscc, stamp);

CREATE OR REPLACE FUNCTION reported_records(
    units text[], since timestamptz, until timestamptz, form text,
    kinds text[], terms integer[], counted integer[]
) RETURNS TABLE (
    unit_id text, kind text, period text, records bigint, corrections bigint, statements bigint,
    timed bigint, on_time bigint, median integer, longest integer, filled bigint, fillable bigint
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH stated AS (
        SELECT r.source_unit_uscc AS unit_id, r.kind, k.term, k.declared, r.decision_date, r.fields,
            r.received_at AS first, coalesce(v.stamps, ARRAY[r.received_at]) AS stamps
        FROM record r
        JOIN unnest(kinds, terms, counted) k (kind, term, declared) ON k.kind = r.kind
        CROSS JOIN LATERAL (
            SELECT array_agg(x.stamp) AS stamps FROM record_version x
            WHERE x.subject_id = r.subject_id AND x.record_id = r.record_id
              AND NOT coalesce(x.content ?| ARRAY['withdrawnOn', 'supersededBy'], false)) v
        -- What came before and was stated again since is met by the time of its last statement.
        WHERE r.source_unit_uscc = ANY (units) AND r.stamp >= since
          AND r.status <> 'DELETED'
    ), received AS (
        SELECT s.unit_id, s.kind, to_char(s.first AT TIME ZONE 'Asia/Shanghai', form) AS period,
            count(*) AS records, sum(cardinality(s.stamps) - 1)::bigint AS corrections,
            count(spent.days) AS timed, count(*) FILTER (WHERE spent.days <= s.term) AS on_time,
            percentile_disc(0.5) WITHIN GROUP (ORDER BY spent.days) AS median,
            max(spent.days) AS longest,
            sum(CASE WHEN s.fields IS NULL THEN 0
                ELSE (SELECT count(*) FROM jsonb_object_keys(s.fields)) END)::bigint AS filled,
            sum(s.declared)::bigint AS fillable
        FROM stated s
        LEFT JOIN LATERAL (
            SELECT greatest(e.ordinal - b.ordinal, 0) AS days FROM working_day b, working_day e
            WHERE s.term IS NOT NULL AND b.day = s.decision_date
              AND e.day = (s.first AT TIME ZONE 'Asia/Shanghai')::date) spent ON true
        WHERE s.first >= since AND s.first < until
        GROUP BY 1, 2, 3
    ), told AS (
        SELECT s.unit_id, s.kind, to_char(t.stamp AT TIME ZONE 'Asia/Shanghai', form) AS period,
            count(*) AS statements
        FROM stated s, unnest(s.stamps) t (stamp)
        WHERE t.stamp >= since AND t.stamp < until
        GROUP BY 1, 2, 3
    )
    SELECT unit_id, kind, period, coalesce(records, 0), coalesce(corrections, 0),
        coalesce(statements, 0), coalesce(timed, 0), coalesce(on_time, 0), median, longest,
        coalesce(filled, 0), coalesce(fillable, 0)
    FROM received FULL JOIN told USING (unit_id, kind, period)
$$;
