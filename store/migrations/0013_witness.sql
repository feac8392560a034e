-- Witnessing: what this node has cosigned of other cities' logs, what witnesses have cosigned of
-- its own, and the proofs of logs that forked.

-- The one state that a witness must never lose: it is durable before the cosignature leaves.
CREATE TABLE witnessed_log (
    origin      text PRIMARY KEY,
    size        bigint NOT NULL CHECK (size >= 0),
    root        bytea NOT NULL CHECK (octet_length(root) = 32),
    note        text NOT NULL,              -- signed by the log, cosigned by this node
    cosigned_at timestamptz NOT NULL
);

CREATE FUNCTION witnessed_log_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'what was witnessed of log % cannot be forgotten', OLD.origin;
    END IF;
    IF NEW.origin <> OLD.origin OR NEW.size < OLD.size
       OR (NEW.size = OLD.size AND NEW.root <> OLD.root) THEN
        RAISE EXCEPTION 'what was witnessed of log % cannot go back', OLD.origin;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER witnessed_log_grows BEFORE UPDATE OR DELETE ON witnessed_log
    FOR EACH ROW EXECUTE FUNCTION witnessed_log_grows();

-- Portable proofs that a log has signed two histories (docs/witnessing.md); never deleted.
CREATE TABLE log_fork (
    digest   bytea PRIMARY KEY,             -- SHA-256 of the proof
    origin   text NOT NULL,
    proof    text NOT NULL,
    found_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX log_fork_origin ON log_fork (origin);

-- How far this node's own logs are cosigned by as many witnesses as its policy wants.
CREATE TABLE cosigned_log (
    log   text PRIMARY KEY,
    size  bigint NOT NULL,
    note  text NOT NULL,
    since timestamptz                       -- age of the oldest entry beyond; null: none is
);

-- What each witness last said of each own log.
CREATE TABLE witness_answer (
    log         text NOT NULL,
    witness     text NOT NULL,              -- its verifier key
    size        bigint,                     -- that it last cosigned
    cosigned_at timestamptz,
    code        text,                       -- null: in order
    message     text,
    failures    integer NOT NULL DEFAULT 0,
    asked_at    timestamptz NOT NULL,
    PRIMARY KEY (log, witness)
);

-- The witness policy as the access log knows it: a change of it is an entry there.
CREATE TABLE witness_policy (
    one    boolean PRIMARY KEY DEFAULT true CHECK (one),
    policy text NOT NULL
);
