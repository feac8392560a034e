-- The one body that openly carries a code however it is written, or by `body_by_embedded_code`.
-- Asked where the code as it stands is not found, or is written in two ways or with its scheme: a
-- statement then has one look-up to set up, the one that finds nearly every code.
CREATE FUNCTION body_by_code(asked text, spelling text, given text, inside text) RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT coalesce(
        (SELECT CASE WHEN (array_agg(i.subject_id))[1] = ALL (array_agg(i.subject_id))
                     THEN (array_agg(i.subject_id))[1] END
           FROM identifier i
          WHERE i.value IN (asked, spelling) AND i.is_open
            AND (i.scheme = given
                 OR (given IS NULL
                     AND i.scheme IN ('uscc', 'org_code', 'reg_no', 'tax_no', 'inst_cert_no',
                                      'social_cert_no', 'lei')))),
        body_by_embedded_code(asked, inside));
END;
