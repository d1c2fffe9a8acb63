-- Standing rules, by which outputs that repeat leave without people.
CREATE TABLE rules (key $KEY, value $VALUE) $ROWS;
