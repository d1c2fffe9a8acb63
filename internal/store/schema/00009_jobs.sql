-- Jobs that run beside assets, what wants to leave of them, and the pieces of the files of both.
CREATE TABLE jobs (key $KEY, value $VALUE) $ROWS;
CREATE TABLE releases (key $KEY, value $VALUE) $ROWS;
CREATE TABLE blobs (key $KEY, value $VALUE) $ROWS;
