-- Joining two bodies gave a partner's copies of relations ids of this node's own, by which no
-- tombstone found them. They go; the feed is read again and brings back those that still travel.
CREATE TEMPORARY TABLE renamed ON COMMIT DROP AS
SELECT DISTINCT r.relation_id, r.origin_region, (v.content #>> '{naturalKey,0}')::uuid AS own
  FROM relation r JOIN relation_version v USING (subject_id, relation_id, direction)
 WHERE r.batch_id IS NULL AND r.origin_region IN (SELECT region_id FROM mirror_cursor)
   AND v.content #>> '{naturalKey,0}' ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
   AND v.content #>> '{naturalKey,0}' <> r.relation_id::text;

INSERT INTO outbox (entity, entity_id, subject_id)
SELECT 'RELATION', relation_id, subject_id FROM relation
 WHERE direction = 'OUT' AND relation_id IN (SELECT relation_id FROM renamed);
DELETE FROM relation_version WHERE relation_id IN (SELECT relation_id FROM renamed);
DELETE FROM relation WHERE relation_id IN (SELECT relation_id FROM renamed);
DELETE FROM mirror_applied
 WHERE operation = 'UPSERT' AND record_id IN (SELECT own FROM renamed);
UPDATE mirror_cursor SET size = 0, range_hashes = ''
 WHERE region_id IN (SELECT origin_region FROM renamed);
DROP TABLE renamed;

-- The end of a partner's legal representative was taken away whenever its firm was stated here.
WITH ended AS (
    UPDATE relation r SET valid_to = (v.content ->> 'valid_to')::date FROM relation_version v
     WHERE r.kind = 'LEGAL_REP_OF' AND r.batch_id IS NULL AND r.status = 'VALID'
       AND (v.subject_id, v.relation_id, v.direction) = (r.subject_id, r.relation_id, r.direction)
       AND (v.stamp, v.batch_sha, v.line_no) = (r.stamp, r.batch_sha, r.line_no)
       AND r.valid_to IS DISTINCT FROM (v.content ->> 'valid_to')::date
    RETURNING r.relation_id, r.subject_id, r.direction
)
INSERT INTO outbox (entity, entity_id, subject_id)
SELECT 'RELATION', relation_id, subject_id FROM ended WHERE direction = 'OUT';
