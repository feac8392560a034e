-- What waits for its seal is kept as it was committed: one row per commit, not three per entry.

-- Replay protection by digest: SHA-256 of key id, line feed and nonce, its first 16 bytes. A third
-- of the index for the same promise. The partition is the hour of the day of `created`, as before.
CREATE TABLE used_nonce (
    hour   smallint NOT NULL,
    digest bytea NOT NULL,
    PRIMARY KEY (hour, digest)
) PARTITION BY LIST (hour);

DO $$
BEGIN
    FOR h IN 0..23 LOOP
        EXECUTE format('CREATE TABLE used_nonce_%s PARTITION OF used_nonce FOR VALUES IN (%s)',
                       lpad(h::text, 2, '0'), h);
    END LOOP;
END $$;

INSERT INTO used_nonce (hour, digest)
SELECT DISTINCT hour, substr(sha256(convert_to(key_id || E'\n' || nonce, 'UTF8')), 1, 16)
  FROM nonce;
DROP TABLE nonce;

-- `leaves` are the leaf hashes, 32 bytes each; `payload` the entries with their evidence and
-- lists, in the same order (security/pending.py). `changed_at`: an entry was found not to match
-- its leaf; the row stays as it was found.
CREATE TABLE access_batch (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    log        text NOT NULL,
    leaves     bytea NOT NULL CHECK (octet_length(leaves) % 32 = 0),
    payload    bytea NOT NULL,
    changed_at timestamptz
);
ALTER TABLE access_batch ALTER COLUMN leaves SET STORAGE EXTERNAL,
                         ALTER COLUMN payload SET STORAGE EXTERNAL;
ALTER TABLE access_batch SET (autovacuum_vacuum_scale_factor = 0.0,
                              autovacuum_vacuum_threshold = 2000,
                              toast.autovacuum_vacuum_scale_factor = 0.0,
                              toast.autovacuum_vacuum_threshold = 20000);

-- What waits now waits on, with its evidence.
INSERT INTO access_batch (log, leaves, payload)
SELECT p.log, p.leaf,
       int2send(octet_length(p.entry)::int2)
       || int2send(COALESCE(octet_length(e.month), 0)::int2)
       || int2send(COALESCE(octet_length(e.wrapped_key), 0)::int2)
       || int4send(octet_length(p.subjects)) || int4send(octet_length(p.records))
       || int4send(octet_length(convert_to(p.coordinates, 'UTF8')))
       || int4send(COALESCE(octet_length(e.ciphertext), 0))
       || p.entry || convert_to(COALESCE(e.month, ''), 'UTF8') || COALESCE(e.wrapped_key, '')
       || p.subjects || p.records || convert_to(p.coordinates, 'UTF8')
       || COALESCE(e.ciphertext, '')
  FROM access_pending p LEFT JOIN evidence e ON e.leaf = p.leaf
 ORDER BY p.id;
DELETE FROM evidence e USING access_pending p WHERE e.leaf = p.leaf;
DROP TABLE access_pending;
