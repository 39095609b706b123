SELECT pplns_works.slice, accounts.address AS account, pplns_works.work
FROM pplns_works JOIN accounts ON accounts.id = pplns_works.account
