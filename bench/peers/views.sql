-- The rows and fields that a partner city's system may see under the demo agreement, stated once
-- for every peer: what is on display, and of legal entities what offices may read. The node states
-- the same in each compiled statement. The day is the demo world's.
DROP SCHEMA IF EXISTS peers CASCADE;
CREATE SCHEMA peers;
CREATE VIEW peers.organisation AS
SELECT o.subject_id, o.name, o.uscc, o.org_code, o.entity_type, o.reg_status, o.established_on,
       CASE WHEN o.category <> 'INDIVIDUAL_BUSINESS' THEN o.address END AS address,
       o.industry, o.reg_authority, o.legal_rep_name
FROM public.organisation o
WHERE o.registered
   OR EXISTS (SELECT FROM public.relation v WHERE v.subject_id = o.subject_id
              AND v.kind IN ('BRANCH_OF', 'GUARANTEES', 'HOLDS', 'LEGAL_REP_OF', 'OFFICER_OF')
              AND v.class IN ('O', 'G') AND v.status = 'VALID' OFFSET 0)
   OR EXISTS (SELECT FROM public.record v WHERE v.subject_id = o.subject_id AND v.status = 'VALID'
              AND (v.class = 'O' AND v.display_from <= '2026-06-30'
                   AND (v.display_until IS NULL OR v.display_until > '2026-06-30')
                   AND (v.display_ended_on IS NULL OR v.display_ended_on > '2026-06-30')
                   AND (v.subject_category <> 'NATURAL_PERSON' OR v.kind = 'court_defaulter')
                   OR v.class IN ('O', 'G') AND v.subject_category = 'LEGAL_ENTITY'
                   AND (v.query_until IS NULL OR v.query_until > '2026-06-30')
                   AND v.display_ended_on IS NULL
                   AND v.kind IN ('abnormal_operation', 'commitment', 'court_defaulter',
                                  'evaluation', 'inspection', 'licence', 'penalty', 'red_list',
                                  'serious_list')) OFFSET 0);
COMMENT ON VIEW peers.organisation IS E'@primaryKey subject_id\n@unique uscc';
DO $$
DECLARE
    one text[];
BEGIN
    FOREACH one SLICE 1 IN ARRAY ARRAY[
        ['licence', 'licences'], ['penalty', 'penalties'], ['inspection', 'inspections'],
        ['red_list', 'redListings'], ['abnormal_operation', 'abnormalOperations']]
    LOOP
        EXECUTE format($view$
            CREATE VIEW peers.%1$I AS
            SELECT subject_id, record_id, document_no, decision_date, issuer_name
            FROM public.record
            WHERE kind = %1$L AND status = 'VALID'
              AND (class = 'O' AND display_from <= '2026-06-30'
                   AND (display_until IS NULL OR display_until > '2026-06-30')
                   AND (display_ended_on IS NULL OR display_ended_on > '2026-06-30')
                   AND subject_category <> 'NATURAL_PERSON'
                   OR class IN ('O', 'G') AND subject_category = 'LEGAL_ENTITY'
                   AND (query_until IS NULL OR query_until > '2026-06-30')
                   AND display_ended_on IS NULL);
            COMMENT ON VIEW peers.%1$I IS E'@primaryKey record_id\n@foreignKey (subject_id) references peers.organisation (subject_id)|@foreignFieldName %2$s'
            $view$, one[1], one[2]);
    END LOOP;
END $$;
