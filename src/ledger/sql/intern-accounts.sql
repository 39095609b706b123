WITH wanted AS (SELECT DISTINCT address FROM unnest($1::text[]) AS address ORDER BY address),
made AS (
  INSERT INTO accounts (address) SELECT address FROM wanted ON CONFLICT DO NOTHING RETURNING id, address
)
SELECT id, address FROM made
UNION ALL
SELECT id, address FROM accounts JOIN wanted USING (address);
