-- What a firm's registered capital was stated to be, and since when: all that answers as known at a
-- past time need of a registry's former statements, which hold more than offices may read.
CREATE VIEW stated_capital AS
SELECT subject_id, stamp, batch_sha, line_no, recorded_from,
       (content ->> 'registered_capital')::numeric AS capital, content ->> 'currency' AS currency
  FROM organisation_version;
