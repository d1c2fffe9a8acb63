-- What is counted of the grants on an asset. All lists follow from the other tables, and the start makes them anew.
DELETE FROM listings;
