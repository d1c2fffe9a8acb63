-- What is known of a passkey beside its signer: whose credential it is, and how far it has counted.
CREATE TABLE passkeys (key $KEY, value $VALUE) $ROWS;
