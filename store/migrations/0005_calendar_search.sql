-- Working days, and names as they are compared: for search from their beginning.

-- Every calendar day of the years that the State Council's notices cover. The ordinal counts the
-- working days up to and including the day, so that a span is a subtraction.
CREATE TABLE working_day (
    day      date PRIMARY KEY,
    ordinal  integer NOT NULL
);
CREATE INDEX working_day_ordinal ON working_day (ordinal, day);

-- The expression is store.name.plain_sql. "C" orders by code point, whatever the database's locale.
ALTER TABLE organisation_name ADD COLUMN plain text COLLATE "C" NOT NULL
    GENERATED ALWAYS AS (upper(regexp_replace(normalize(name, NFKC), '\s+', '', 'g'))) STORED;
CREATE INDEX organisation_name_plain ON organisation_name (plain, subject_id);

-- The one body that is recorded by the organisation code inside a USCC which nobody carries, and by
-- no USCC at all. A function, because its plan costs nothing until it is called.
CREATE FUNCTION body_by_embedded_code(asked text, inside text) RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT (array_agg(DISTINCT i.subject_id))[1]
    FROM identifier i
    WHERE i.value = inside AND i.scheme = 'org_code' AND i.is_open
      AND NOT EXISTS (SELECT FROM identifier x
                      WHERE x.subject_id = i.subject_id AND x.scheme = 'uscc')
      AND NOT EXISTS (SELECT FROM identifier y WHERE y.value = asked AND y.scheme = 'uscc')
    HAVING count(DISTINCT i.subject_id) = 1;
END;
