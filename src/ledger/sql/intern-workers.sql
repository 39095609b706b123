WITH wanted AS (SELECT DISTINCT account, name FROM unnest($1::int[], $2::text[]) AS w (account, name)),
made AS (
  INSERT INTO workers (account, name) SELECT account, name FROM wanted ORDER BY account, name
  ON CONFLICT DO NOTHING RETURNING id, account, name
)
SELECT id, account, name FROM made
UNION ALL
SELECT id, account, name FROM workers JOIN wanted USING (account, name);
