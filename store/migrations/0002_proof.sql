-- Proof: callers and keys, the access log before and after sealing, evidence.

CREATE TABLE caller (
    id         text PRIMARY KEY,
    name       text NOT NULL,
    role       text NOT NULL,
    unit_uscc  text,
    region     text,
    valid_from timestamptz NOT NULL DEFAULT now(),
    valid_to   timestamptz,
    CHECK (valid_to IS NULL OR valid_to > valid_from)
);

CREATE TABLE key_registry (
    key_id         text PRIMARY KEY,
    caller_id      text NOT NULL REFERENCES caller (id),
    algorithm      text NOT NULL CHECK (algorithm IN ('ed25519', 'ecdsa-p256-sha256', 'sm2-sm3')),
    public_key     bytea NOT NULL,
    valid_from     timestamptz NOT NULL,
    valid_to       timestamptz,
    revoked_at     timestamptz,
    compromised_at timestamptz
);

-- One row whose version grows with every change, so that readers poll one value.
CREATE TABLE key_registry_state (
    one     boolean PRIMARY KEY DEFAULT true CHECK (one),
    version bigint NOT NULL
);
INSERT INTO key_registry_state (version) VALUES (1);

CREATE FUNCTION key_registry_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE key_registry_state SET version = version + 1;
    RETURN NULL;
END $$;
CREATE TRIGGER caller_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON caller
    FOR EACH STATEMENT EXECUTE FUNCTION key_registry_changed();
CREATE TRIGGER key_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON key_registry
    FOR EACH STATEMENT EXECUTE FUNCTION key_registry_changed();

-- Replay protection. The partition is the hour of the day of the signature's `created`: a
-- replayed message always meets its own partition, and stale ones are emptied, not created
-- and dropped, so no worker needs the right to change tables.
CREATE TABLE nonce (
    hour   smallint NOT NULL,
    key_id text NOT NULL,
    nonce  text NOT NULL,
    leaf   bytea NOT NULL,
    PRIMARY KEY (hour, key_id, nonce)
) PARTITION BY LIST (hour);

DO $$
BEGIN
    FOR h IN 0..23 LOOP
        EXECUTE format('CREATE TABLE nonce_%s PARTITION OF nonce FOR VALUES IN (%s)',
                       lpad(h::text, 2, '0'), h);
    END LOOP;
END $$;

-- Entries that are durable and not sealed yet. Lists are concatenated references: audit_ref of
-- 16 bytes each, record ids of 16 bytes each.
CREATE TABLE access_pending (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    log         text NOT NULL,
    leaf        bytea NOT NULL,
    entry       bytea NOT NULL,
    subjects    bytea NOT NULL,
    records     bytea NOT NULL,
    coordinates text NOT NULL
);
ALTER TABLE access_pending ALTER COLUMN entry SET STORAGE EXTERNAL,
                           ALTER COLUMN subjects SET STORAGE EXTERNAL,
                           ALTER COLUMN records SET STORAGE EXTERNAL;
ALTER TABLE access_pending SET (autovacuum_vacuum_scale_factor = 0.0,
                                autovacuum_vacuum_threshold = 5000);

-- What an entry's digests are of, encrypted with the entry's own key; `wrapped_key` is that key
-- under the key of `month`. Erasing destroys the wrapped key.
CREATE TABLE evidence (
    leaf        bytea PRIMARY KEY,
    log         text NOT NULL,
    month       text NOT NULL,
    wrapped_key bytea,
    ciphertext  bytea,
    stored_at   timestamptz NOT NULL DEFAULT now(),
    erased_at   timestamptz
);
ALTER TABLE evidence ALTER COLUMN ciphertext SET STORAGE EXTERNAL;

-- The durable head of each log: advanced by compare-and-swap only, guarded by the fence of the
-- sealer that holds the advisory lock.
CREATE TABLE log_state (
    log        text PRIMARY KEY,
    size       bigint NOT NULL,
    root       bytea NOT NULL,
    fence      bigint NOT NULL,
    checkpoint text,
    updated_at timestamptz NOT NULL DEFAULT now(),
    CHECK (size >= 0 AND octet_length(root) = 32)
);

CREATE FUNCTION log_state_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.size < OLD.size OR (NEW.size = OLD.size AND NEW.root <> OLD.root)
       OR NEW.fence < OLD.fence THEN
        RAISE EXCEPTION 'the head of log % cannot go back', OLD.log;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER log_state_grows BEFORE UPDATE ON log_state
    FOR EACH ROW EXECUTE FUNCTION log_state_grows();

CREATE TABLE access_sealed (
    leaf        bytea PRIMARY KEY,
    log         text NOT NULL,
    index       bigint NOT NULL,
    coordinates bytea,
    UNIQUE (log, index)
);

-- The auditor's search: which entries disclosed a subject, a record, a set of fields.
CREATE TABLE access_subject (
    audit_ref bytea NOT NULL,
    leaf      bytea NOT NULL,
    PRIMARY KEY (audit_ref, leaf)
);
CREATE TABLE access_record (
    record_id uuid NOT NULL,
    leaf      bytea NOT NULL,
    PRIMARY KEY (record_id, leaf)
);
CREATE TABLE coordinate_set (
    digest      bytea PRIMARY KEY,
    coordinates text[] NOT NULL
);
CREATE INDEX coordinate_set_members ON coordinate_set USING gin (coordinates);
CREATE INDEX access_sealed_coordinates ON access_sealed (coordinates) WHERE coordinates IS NOT NULL;
CREATE INDEX access_subject_leaf ON access_subject (leaf);
CREATE INDEX access_record_leaf ON access_record (leaf);
