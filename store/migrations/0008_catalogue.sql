-- Catalogues 信息目录 and 应用目录: dated editions as they were loaded, never changed afterwards,
-- and what the feed's last complete look shared.

CREATE TABLE catalogue_edition (
    region_id    text NOT NULL,                 -- the city whose catalogue it is
    type         text NOT NULL CHECK (type IN ('INFORMATION', 'APPLICATION')),
    edition      text NOT NULL,
    valid_from   date NOT NULL,
    valid_to     date,                          -- not in force on and after this day
    content      jsonb NOT NULL,                -- what the document says, in canonical form
    digest       bytea NOT NULL,                -- SHA-256 of that, so that the same loads twice
    recorded_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (region_id, type, edition)
);

-- `items` says from now on what goes where: <tag>@<region id>/<agreement>. Where that changed,
-- a sweep offers items again, or retracts them, although another partner has them already: what
-- was said of them before `shifted_at`, the size of the feed when that changed.
ALTER TABLE feed_state ADD COLUMN offer_again text[] NOT NULL DEFAULT '{}',
                       ADD COLUMN retract text[] NOT NULL DEFAULT '{}',
                       ADD COLUMN shifted_at bigint NOT NULL DEFAULT 0;

-- Which unit reported how many lines of a kind in which batch: a unit that is silent has no row.
CREATE TABLE batch_unit (
    kind      text NOT NULL,
    unit_id   text NOT NULL,                    -- USCC of the source unit 来源单位, '' unknown
    stamp     timestamptz NOT NULL,             -- when the batch was sent
    batch_id  uuid NOT NULL,
    lines     integer NOT NULL,
    PRIMARY KEY (kind, unit_id, stamp, batch_id)
);
INSERT INTO batch_unit (kind, unit_id, stamp, batch_id, lines)
    SELECT b.kind, r.source_unit_uscc, b.stamp, b.batch_id, count(*)
    FROM record r JOIN batch b USING (batch_id)
    GROUP BY b.kind, r.source_unit_uscc, b.stamp, b.batch_id;

-- What a partner's catalogue shares with this city, as its last page said; null before the first.
ALTER TABLE mirror_cursor ADD COLUMN shared text[];
