-- What is counted over a whole city is read from indexes alone, where no row of a page was written since it
-- was last vacuumed. Rows are written all over their tables: after a fiftieth of them nearly half of
-- the pages would be read again, and by default a fifth may pass.
ALTER TABLE record SET (autovacuum_vacuum_scale_factor = 0.01,
                        autovacuum_vacuum_insert_scale_factor = 0.01);
ALTER TABLE organisation SET (autovacuum_vacuum_scale_factor = 0.01,
                              autovacuum_vacuum_insert_scale_factor = 0.01);
ALTER TABLE relation SET (autovacuum_vacuum_scale_factor = 0.02,
                          autovacuum_vacuum_insert_scale_factor = 0.02);
