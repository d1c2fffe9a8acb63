-- What stands in which list, so that a page of one is read without the rest.
CREATE TABLE listings (key $KEY, value $VALUE) $ROWS;
-- Which entries tell who read what of an engagement.
CREATE TABLE reads (key $KEY, value $VALUE) $ROWS;
