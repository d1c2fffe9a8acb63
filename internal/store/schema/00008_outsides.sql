-- The documents that were signed elsewhere and are bound to agreements.
CREATE TABLE outsides (key $KEY, value $VALUE) $ROWS;
