-- Heads that witnesses cosigned, one a minute at most: they date an entry when the key that
-- signed its question is found, years later, to have been stolen.
CREATE TABLE cosigned_head (
    log         text NOT NULL,
    size        bigint NOT NULL,
    note        text NOT NULL,
    cosigned_at timestamptz NOT NULL,
    PRIMARY KEY (log, size)
);
