-- What the tables held at some size of the ledger.
CREATE TABLE snapshots (key $KEY, value $VALUE) $ROWS;
