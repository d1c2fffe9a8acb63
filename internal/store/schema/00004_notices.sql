-- What people and webhooks were told, and what waits to be delivered.
CREATE TABLE notices (key $KEY, value $VALUE) $ROWS;
-- There is a list more than before. All of them follow from the other tables, and the start makes them anew.
DELETE FROM listings;
