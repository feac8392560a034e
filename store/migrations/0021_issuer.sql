-- Records are filtered by the unit that decided, by its code or its name: no reading of all records.
CREATE INDEX record_by_issuer ON record (issuer_uscc, decision_date DESC, record_id);
CREATE INDEX record_by_issuer_name ON record (issuer_name, decision_date DESC, record_id);
