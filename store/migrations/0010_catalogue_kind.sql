-- Catalogue items 目录项 that the city defines while its node runs: one declaration each, as it was
-- sent. A declaration that follows may add to the one before it and take nothing away.

CREATE TABLE catalogue_kind (
    name         text NOT NULL,
    version      integer NOT NULL,              -- 1, 2, …: the greatest is the item's declaration
    declaration  text NOT NULL,                 -- TOML
    recorded_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (name, version)
);
