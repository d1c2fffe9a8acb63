-- What stands in which list, so that a page of one is read without the rest.
CREATE TABLE listings (key $KEY, value $VALUE) $ROWS;
