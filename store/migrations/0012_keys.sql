-- The life of keys: on which device, by whom, what followed it; invitations to enrol one.

ALTER TABLE key_registry
    ADD COLUMN device      text,                 -- the device it never leaves; NULL: a system's key
    ADD COLUMN enrolled_by text,
    ADD COLUMN enrolled_at timestamptz,
    ADD COLUMN ended_by    text,                 -- who revoked it or let another follow
    ADD COLUMN successor   text REFERENCES key_registry (key_id);

-- When a key last signed, to the minute. Apart from key_registry, whose version it must not raise.
CREATE TABLE key_use (
    key_id    text PRIMARY KEY REFERENCES key_registry (key_id),
    last_used timestamptz NOT NULL
);

-- One-time codes by which a user enrols a device's key. Of a code only the locator, its first
-- four characters, is kept as it is; `digest` is keyed with a secret outside the database.
CREATE TABLE key_invitation (
    locator    text PRIMARY KEY CHECK (locator ~ '^[0-9A-Z]{4}$'),
    digest     bytea NOT NULL CHECK (octet_length(digest) = 32),
    caller_id  text NOT NULL REFERENCES caller (id),
    device     text NOT NULL CHECK (device <> ''),
    key_days   integer NOT NULL CHECK (key_days > 0),
    made_by    text NOT NULL,
    made_at    timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    wrong      smallint NOT NULL DEFAULT 0,      -- wrong codes tried with this locator
    key_id     text REFERENCES key_registry (key_id)  -- the key that it enrolled: it is used up
);

-- Which entries of the access log tell of a key, for its history in evidence.
CREATE TABLE key_event (
    key_id text NOT NULL,
    leaf   bytea NOT NULL,
    change text NOT NULL,
    at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (key_id, leaf)
);
