-- Dictionaries: what the journals write out in full on every record.
CREATE TABLE accounts (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  address text NOT NULL UNIQUE
);

CREATE TABLE workers (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  account integer NOT NULL REFERENCES accounts,
  name text NOT NULL,
  UNIQUE (account, name)
);

-- Up to where each journal is in the books; moved in the transaction that holds the records.
CREATE TABLE journal_cursors (
  id smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  node text NOT NULL UNIQUE,
  epoch bigint NOT NULL,
  sequence bigint NOT NULL
);

-- The order in which the batches of all journals were taken; the order log on disk says the same.
CREATE TABLE batches (
  batch bigint PRIMARY KEY,
  node text NOT NULL,
  epoch bigint NOT NULL,
  first bigint NOT NULL,
  last bigint NOT NULL CHECK (last >= first),
  checksum bigint NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT now()
);

-- Final share records, a partition per UTC day of their time. Hash and target are 32 bytes, little-endian.
CREATE TABLE shares (
  hash bytea NOT NULL,
  target bytea NOT NULL,
  work numeric NOT NULL,
  sequence bigint NOT NULL,
  epoch bigint NOT NULL,
  "time" timestamptz NOT NULL,
  worker integer NOT NULL,
  journal smallint NOT NULL,
  protocol smallint NOT NULL,
  block boolean NOT NULL,
  PRIMARY KEY (journal, epoch, sequence, "time")
) PARTITION BY RANGE ("time");

-- PPLNS: sums of work per account in slices of the stream, see pplns.ts.
CREATE TABLE pplns_state (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  closed boolean NOT NULL,
  next_id bigint NOT NULL,
  largest_window numeric NOT NULL
);

CREATE TABLE pplns_slices (
  id bigint PRIMARY KEY,
  span text NOT NULL CHECK (span IN ('minute', 'hour', 'day')),
  minute bigint NOT NULL,
  work numeric NOT NULL CHECK (work > 0)
);

CREATE TABLE pplns_works (
  slice bigint NOT NULL REFERENCES pplns_slices ON DELETE CASCADE,
  account integer NOT NULL REFERENCES accounts,
  work numeric NOT NULL CHECK (work > 0),
  PRIMARY KEY (slice, account)
) WITH (fillfactor = 80);

CREATE TABLE blocks (
  hash bytea PRIMARY KEY CHECK (length(hash) = 32),
  previous_hash bytea NOT NULL,
  height integer NOT NULL,
  bits bigint NOT NULL,
  reward_sats bigint NOT NULL CHECK (reward_sats >= 0),
  fee_millionths integer NOT NULL,
  window_thousandths bigint NOT NULL,
  window_work numeric NOT NULL,
  fee_sats bigint NOT NULL,
  found_at timestamptz NOT NULL,
  account text NOT NULL,
  worker text NOT NULL,
  node text NOT NULL,
  epoch bigint NOT NULL,
  sequence bigint NOT NULL,
  state text NOT NULL DEFAULT 'candidate'
    CHECK (state IN ('candidate', 'submitted', 'immature', 'mature', 'orphaned')),
  confirmations integer NOT NULL DEFAULT 0,
  reason text,
  movements integer NOT NULL DEFAULT 0,
  UNIQUE (node, epoch, sequence),
  CHECK (fee_sats BETWEEN 0 AND reward_sats)
);
CREATE INDEX blocks_height ON blocks (height);

-- What a block's window held, and what each account gets of the reward if the block stays.
CREATE TABLE block_works (
  block bytea NOT NULL REFERENCES blocks,
  account integer NOT NULL REFERENCES accounts,
  work numeric NOT NULL CHECK (work > 0),
  sats bigint NOT NULL CHECK (sats >= 0),
  PRIMARY KEY (block, account)
);

-- Double entry. A miner has an account of each kind, the pool one of each other kind.
CREATE TABLE ledger_accounts (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind text NOT NULL
    CHECK (kind IN ('chain', 'fee-immature', 'fee-payable', 'miner-immature', 'miner-payable')),
  account integer REFERENCES accounts,
  CHECK ((account IS NOT NULL) = (kind LIKE 'miner-%')),
  UNIQUE NULLS NOT DISTINCT (kind, account)
);

CREATE TABLE movements (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind text NOT NULL CHECK (kind IN ('credit', 'mature', 'unmature', 'reverse')),
  block bytea NOT NULL REFERENCES blocks,
  number integer NOT NULL,
  booked_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (block, number)
);

CREATE TABLE entries (
  movement bigint NOT NULL REFERENCES movements,
  ledger_account integer NOT NULL REFERENCES ledger_accounts,
  sats bigint NOT NULL CHECK (sats <> 0),
  PRIMARY KEY (movement, ledger_account)
);
CREATE INDEX entries_of_account ON entries (ledger_account, movement);

-- A movement is written by one statement and must balance in it: nothing can be slipped into an old one later.
CREATE FUNCTION refuse_unbalanced_entries() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  unbalanced bigint;
BEGIN
  SELECT movement INTO unbalanced FROM written GROUP BY movement HAVING sum(sats) <> 0 LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'the entries of movement % do not sum to zero', unbalanced USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$;

CREATE TRIGGER entries_balance AFTER INSERT ON entries
  REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION refuse_unbalanced_entries();

-- And at commit every movement of the transaction has entries, which sum to zero as a whole.
CREATE FUNCTION refuse_unbalanced_movement() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  total numeric;
BEGIN
  SELECT sum(sats) INTO total FROM entries WHERE movement = NEW.id;
  IF total IS DISTINCT FROM 0 THEN
    RAISE EXCEPTION 'movement % has no entries or they do not sum to zero', NEW.id
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER movement_balances AFTER INSERT ON movements
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse_unbalanced_movement();

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% of % refused: what is booked stays; book a reversal', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER movements_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON movements
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER entries_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON entries
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER batches_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON batches
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER block_works_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON block_works
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
