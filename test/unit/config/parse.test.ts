// biome-ignore-all lint/suspicious/noTemplateCurlyInString: `${NAME}` is what configuration files hold
import { describe, expect, test } from "vitest";
import { parseConfig, stratumPorts } from "../../../src/config/index.ts";
import { configOf, faultOf, faultsOf, folder, mainnetAddress, minimal, testnetAddress } from "./builders.ts";

const otherAddress = "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0";

describe("what is left out", () => {
  test("everything but chain, nodes and pool.address has a default", () => {
    const config = configOf(minimal());
    expect(config).toMatchObject({
      chain: "mainnet",
      dataDirectory: "/etc/penstock/data",
      pool: { tag: "/Penstock/", feePercent: 1, scheme: "pplns", split: [], frontEnd: 0 },
      pplns: { windowMultiple: 4 },
      template: { refreshSeconds: 25, maxAgeSeconds: 600 },
      stratum: {
        listen: [{ host: "0.0.0.0", port: 3333 }],
        workers: "auto",
        difficulty: { start: 1024, min: 0.00001, max: 1_000_000_000, vardiff: true, sharesPerMinute: 6 },
        staleGraceSeconds: 3,
        limits: { lineBytes: 16_384, connectionsPerAddress: 2000 },
      },
      journal: { durability: "fsync", directory: "/etc/penstock/data/journal" },
      database: { url: "embedded" },
      redis: { url: null },
      http: { listen: { host: "127.0.0.1", port: 8080 } },
      log: { level: "info" },
    });
  });

  test("an empty file lacks exactly what has no default", () => {
    const paths = faultsOf("").map(({ path }) => path);
    expect(paths).toEqual(["chain", "nodes", "pool.address"]);
    expect(faultsOf("# only a comment\n")).toHaveLength(3);
  });

  test("a key with nothing below it takes all its defaults", () => {
    expect(configOf(minimal({ stratum: null })).stratum.difficulty.start).toBe(1024);
    expect(faultOf(minimal({ log: { level: null } }))).toMatch(/^log.level: is empty; remove the line/);
  });
});

describe("faults", () => {
  test("all come at once, each with its line, its path and what would be right", () => {
    const faults = faultsOf(
      [
        "chain: mainet",
        "nodes:",
        "  - rpc: ftp://x",
        "    cookieFile: .cookie",
        "pool:",
        "  address: nonsense",
        "stratum:",
        "  dificulty: { start: 1 }",
        "  difficulty:",
        "    start: fast",
        "http: { listen: 8080 }",
      ].join("\n"),
    );
    expect(faults.map(({ line, path }) => [line, path])).toEqual([
      [1, "chain"],
      [3, "nodes[0].rpc"],
      [8, "stratum.dificulty"],
      [10, "stratum.difficulty.start"],
      [11, "http.listen"],
    ]);
    expect(faults[0]!.message).toContain("expected mainnet, testnet4, signet or regtest");
    expect(faults[2]!.message).toContain("did you mean difficulty?");
    expect(faults[3]!.message).toContain('"fast" is not accepted; expected a number from');
  });

  test("an unknown key that belongs elsewhere is told where", () => {
    expect(faultOf(minimal({ sharesPerMinute: 6 }))).toContain(
      "did you mean stratum.difficulty.sharesPerMinute?",
    );
    expect(faultOf(minimal({ banana: 1 }))).toContain("known here: chain, dataDirectory, nodes");
  });

  test.each([
    ["NaN", ".nan"],
    ["infinity", ".inf"],
    ["negative infinity", "-.inf"],
    ["a negative number", "-1"],
    ["a number beyond the bounds", "1e400"],
    ["text", '"12"'],
    ["a boolean", "true"],
    ["a list", "[1]"],
    ["a group", "{ a: 1 }"],
    ["too many decimals", "1.00001"],
  ])("%s is no fee", (_, written) => {
    const [fault, ...rest] = faultsOf(
      `chain: mainnet\nnodes: [{ rpc: "http://h:1", cookieFile: c }]\npool: { address: ${mainnetAddress}, feePercent: ${written} }`,
    );
    expect(rest).toEqual([]);
    expect(fault).toMatchObject({ path: "pool.feePercent", line: 3 });
    expect(fault!.message).toContain("expected a number from 0 to 100");
  });

  test("a fraction, or a number that a double cannot hold, is no whole number", () => {
    expect(faultOf(minimal({ pool: { address: mainnetAddress, frontEnd: 1.5 } }))).toContain("whole number");
    expect(faultOf(minimal({ journal: { maxQueuedBytes: 2 ** 60 } }))).toContain("whole number");
  });

  test("a value where settings belong, and settings where a value belongs", () => {
    expect(faultOf(minimal({ stratum: 3333 }))).toContain("expected settings (key: value)");
    expect(faultOf(minimal({ stratum: { listen: "0.0.0.0:3333" } }))).toContain("expected a list");
    expect(faultOf(minimal({ chain: { name: "mainnet" } }))).toContain("a group of settings is not accepted");
    expect(faultOf(minimal({ nodes: [] }))).toContain("has 0 entries; expected 1 to 16");
  });

  test("control characters in text are refused: they would end up in logs and blocks", () => {
    expect(faultOf(minimal({ pool: { address: mainnetAddress, tag: "/a\u0000b/" } }))).toContain("pool.tag");
  });

  test.each(["3333", "localhost", "0.0.0.0:70000", "::1:3333", "http://x:1", ":3333"])(
    "%s is nowhere to listen",
    (listen) => {
      expect(faultOf(minimal({ http: { listen } }))).toContain("expected HOST:PORT");
    },
  );

  test("version bits that miners may roll are eight hex digits, without those that say what a version is", () => {
    expect(configOf(minimal()).stratum.versionMask).toBe(0x1fffe000);
    expect(configOf(minimal({ stratum: { versionMask: "1FFFFFE0" } })).stratum.versionMask).toBe(0x1fffffe0);
    for (const versionMask of ["3fffe000", "ffffffff", "1fffe00", "0x1fffe0", "1fffe00g", 1])
      expect(faultOf(minimal({ stratum: { versionMask } }))).toContain("expected eight hex digits");
  });

  test("IPv6 listens in brackets", () => {
    expect(configOf(minimal({ http: { listen: "[::1]:0" } })).http.listen).toEqual({ host: "::1", port: 0 });
  });
});

describe("files that are no configuration", () => {
  test("a key given twice is named where it stands", () => {
    const source = `chain: mainnet\nnodes:\n  - rpc: http://h:1\n    cookieFile: a\n    cookieFile: b\npool: { address: ${mainnetAddress} }`;
    expect(faultsOf(source)).toEqual([
      { path: "nodes[0].cookieFile", message: "is given twice; remove one", line: 5 },
    ]);
  });

  test.each([
    [
      "a bomb of aliases",
      `a: &a [x,x,x,x,x,x,x,x,x]\n${[..."bcdefghij"].map((c, i) => `${c}: &${c} [${Array(9).fill(`*${"abcdefghij"[i]}`)}]`).join("\n")}`,
    ],
    ["ten megabytes", "a: 1\n".repeat(2_000_000)],
    ["half a million brackets", "[".repeat(500_000)],
    ["half a million groups", '{"a":'.repeat(100_000)],
    ["half a million dashes", "- ".repeat(250_000)],
    ["stairs of keys", Array.from({ length: 1200 }, (_, i) => `${" ".repeat(i)}a:`).join("\n")],
    ["two documents", "chain: mainnet\n---\nchain: mainnet\n"],
    ["an open quote", 'chain: "mainnet'],
    ["a tab as indentation", "pool:\n\taddress: x"],
    ["a custom tag", "chain: !!js/function x"],
    ["binary noise", "\u0000\u0001\u0002"],
  ])("%s is refused with a sentence, in a moment", (_, source) => {
    const startedMs = performance.now();
    const faults = faultsOf(source);
    expect(performance.now() - startedMs).toBeLessThan(2_000);
    expect(faults.length).toBeGreaterThan(0);
    expect(faults.length).toBeLessThanOrEqual(100);
    for (const { message } of faults) expect(message.length).toBeLessThan(400);
  });

  test("keys like __proto__ are keys like any other", () => {
    const source = "__proto__: { chain: mainnet }\nconstructor: 1\ntoString: 2\n";
    const paths = faultsOf(source).map(({ path }) => path);
    expect(paths).toEqual(expect.arrayContaining(["__proto__", "constructor", "toString", "chain"]));
    expect(({} as { chain?: string }).chain).toBeUndefined();
  });

  test("an alias that is used honestly works", () => {
    const source = `chain: mainnet\nnodes:\n  - { rpc: "http://a:1", cookieFile: &c /c }\n  - { rpc: "http://b:1", cookieFile: *c }\npool: { address: ${mainnetAddress} }`;
    expect(faultsOf(source)).toEqual([]);
  });

  test("an anchor that holds itself is a fault, not an endless loop", () => {
    expect(faultsOf(`chain: &a [*a]\n`).map(({ path }) => path)).toContain("chain");
  });
});

describe("the environment", () => {
  const withPassword = (password: string) =>
    minimal({ nodes: [{ rpc: "http://127.0.0.1:8332", user: "pool", password }] });

  test("fills in ${NAME}, also inside a longer text", () => {
    const config = configOf(withPassword("a-${ONE}-${TWO}"), { ONE: "1", TWO: "two" });
    expect(config.nodes[0]!.password).toBe("a-1-two");
  });

  test("digits stay text where text is wanted, and become numbers where numbers are", () => {
    const settings = {
      ...withPassword("${PASSWORD}"),
      pool: { address: mainnetAddress, frontEnd: "${FRONT_END}" },
    };
    const config = configOf(settings, { PASSWORD: "0123", FRONT_END: "7" });
    expect(config.nodes[0]!.password).toBe("0123");
    expect(config.pool.frontEnd).toBe(7);
  });

  test("what it holds is not read as YAML, nor filled in again", () => {
    const config = configOf(withPassword("${PASSWORD}"), { PASSWORD: "x: ${HOME} # y", HOME: "/root" });
    expect(config.nodes[0]!.password).toBe("x: ${HOME} # y");
  });

  test("$${ is a literal ${", () => {
    expect(configOf(withPassword("$${NOT_A_NAME}")).nodes[0]!.password).toBe("${NOT_A_NAME}");
  });

  test("every missing variable is a fault", () => {
    const messages = faultsOf(withPassword("${ONE}${TWO}")).map(({ path, message }) => `${path} ${message}`);
    expect(messages).toEqual([
      expect.stringMatching(/^nodes\[0\]\.password .* no variable ONE/),
      expect.stringMatching(/^nodes\[0\]\.password .* no variable TWO/),
    ]);
    expect(faultOf(withPassword("${unclosed"))).toContain("does not begin ${NAME}");
  });

  test("names of Object's own members are no variables", () => {
    expect(faultOf(withPassword("${constructor}"))).toContain("no variable constructor");
  });

  test("a secret in the wrong place is not repeated in the fault", () => {
    const faults = faultsOf(minimal({ http: { listen: "${SECRET}" } }), { SECRET: "canary-8a1f" });
    expect(faults).toHaveLength(1);
    expect(JSON.stringify(faults)).not.toContain("canary-8a1f");
  });
});

describe("who is paid", () => {
  test("an address of another chain is refused", () => {
    expect(faultOf(minimal({ pool: { address: testnetAddress } }))).toContain("the pool is on mainnet");
    expect(faultOf(minimal({ chain: "regtest" }))).toContain("the pool is on regtest");
  });

  test("an address has one spelling", () => {
    const config = configOf(minimal({ pool: { address: mainnetAddress.toUpperCase() } }));
    expect(config.pool.address).toBe(mainnetAddress);
  });

  test("a split must leave something, and pay each address once", () => {
    const split = (entries: unknown[]) => minimal({ pool: { address: mainnetAddress, split: entries } });
    expect(faultsOf(split([{ address: otherAddress, percent: 12.5 }]))).toEqual([]);
    expect(faultOf(split([{ address: mainnetAddress, percent: 10 }]))).toContain("listed twice");
    expect(
      faultOf(
        split([
          { address: otherAddress, percent: 99.9999 },
          { address: "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2", percent: 0.0001 },
        ]),
      ),
    ).toContain("hands out 100 percent");
    expect(faultOf(split([{ address: testnetAddress, percent: 10 }]))).toMatch(/^pool\.split\[0\]\.address/);
  });

  test("what this version cannot do is refused, not ignored", () => {
    expect(faultOf(minimal({ redis: { url: "redis://127.0.0.1" } }))).toContain("leave it null");
  });
});

describe("ports of their own", () => {
  const settings = (listener: object, stratum: object = {}) =>
    minimal({ stratum: { ...stratum, listeners: [{ listen: "0.0.0.0:4333", ...listener }] } });

  test("a listener has the common settings but for what it says itself", () => {
    const config = configOf(
      settings(
        { scheme: "solo", difficulty: { start: 524288, min: 65536 }, proxyFrom: ["10.0.0.0/8", "::1"] },
        { proxyFrom: ["192.0.2.1"] },
      ),
    );
    const [common, own] = stratumPorts(config);
    expect(common).toEqual({
      address: { host: "0.0.0.0", port: 3333 },
      scheme: "pplns",
      proxyFrom: [{ address: "192.0.2.1", prefix: 32 }],
      difficulty: config.stratum.difficulty,
    });
    expect(own).toEqual({
      address: { host: "0.0.0.0", port: 4333 },
      scheme: "solo",
      proxyFrom: [
        { address: "10.0.0.0", prefix: 8 },
        { address: "::1", prefix: 128 },
      ],
      difficulty: { ...config.stratum.difficulty, start: 524288, min: 65536 },
    });
  });

  test("its bounds are checked as they come out together with the common ones", () => {
    expect(faultOf(settings({ difficulty: { min: 4096 } }))).toMatch(
      /^stratum.listeners\[0\].difficulty.start: is 1024, below min \(4096\)/,
    );
    expect(faultOf(settings({ difficulty: { max: 0.5, start: 0.1, min: 0.7 } }))).toContain(
      "above max (0.5)",
    );
  });

  test("a port is used once", () => {
    expect(faultOf(settings({ listen: "0.0.0.0:3333" }))).toMatch(
      /^stratum.listeners\[0\].listen: 0.0.0.0:3333 is used twice/,
    );
  });

  test.each(["10.0.0.0/33", "10.0.0/8", "::1/129", "host", "10.0.0.0/", "10.0.0.0/-1"])(
    "%s is no network",
    (network) => {
      expect(faultOf(settings({ proxyFrom: [network] }))).toContain("expected an IP address or a network");
    },
  );

  test("a certificate and its key go together", () => {
    expect(faultOf(minimal({ stratum: { tls: { certificateFile: "c.pem" } } }))).toMatch(
      /^stratum.tls.keyFile: is missing/,
    );
    expect(faultOf(minimal({ stratum: { tls: { keyFile: "k.pem" } } }))).toMatch(
      /^stratum.tls.certificateFile: is missing/,
    );
  });
});

describe("how settings fit together", () => {
  const nodes = (...list: object[]) => minimal({ nodes: list });
  const rpc = "http://127.0.0.1:8332";

  test("a node has one kind of login", () => {
    expect(faultOf(nodes({ rpc }))).toContain("nodes[0]: has no login");
    expect(faultOf(nodes({ rpc, user: "a" }))).toContain("nodes[0].password: is missing");
    expect(faultOf(nodes({ rpc, password: "a" }))).toContain("nodes[0].user: is missing");
    expect(faultOf(nodes({ rpc, user: "a", password: "b", cookieFile: "c" }))).toContain("keep one kind");
  });

  test("a login inside the URL is refused without repeating it", () => {
    const faults = faultsOf(nodes({ rpc: "http://pool:canary-77@127.0.0.1:8332", cookieFile: "c" }));
    expect(faults).toHaveLength(1);
    expect(JSON.stringify(faults)).not.toContain("canary-77");
  });

  test("a node is listed once", () => {
    expect(faultOf(nodes({ rpc, cookieFile: "a" }, { rpc: `${rpc}/`, cookieFile: "b" }))).toContain(
      "nodes[1].rpc: is listed twice",
    );
  });

  test("difficulties are in order", () => {
    const difficulty = (settings: object) => minimal({ stratum: { difficulty: settings } });
    expect(faultOf(difficulty({ min: 10, max: 5 }))).toContain(
      "stratum.difficulty.min: is 10, above max (5)",
    );
    expect(faultOf(difficulty({ start: 1, min: 2 }))).toContain("below min (2)");
    expect(faultOf(difficulty({ start: 3, max: 2 }))).toContain("above max (2)");
    expect(faultsOf(difficulty({ start: 1e-9, min: 1e-9 }))).toEqual([]);
  });

  test("the alarm comes before the refusal", () => {
    const journal = { alarmFreeMegabytes: 100, refuseFreeMegabytes: 100 };
    expect(faultOf(minimal({ journal }))).toContain("there would be no warning");
  });

  test("a port is used once, but for port 0", () => {
    const ports = (listen: string[], http: string) =>
      minimal({ stratum: { listen }, http: { listen: http } });
    expect(faultOf(ports(["127.0.0.1:8080"], "127.0.0.1:8080"))).toContain(
      "http.listen: 127.0.0.1:8080 is used twice",
    );
    expect(faultsOf(ports(["127.0.0.1:0", "127.0.0.1:0"], "127.0.0.1:0"))).toEqual([]);
  });

  test("a value that could not be read brings no second fault", () => {
    expect(
      faultsOf(minimal({ stratum: { difficulty: { start: "x", min: 5, max: 1 } } })).map(({ path }) => path),
    ).toEqual(["stratum.difficulty.start", "stratum.difficulty.min"]);
    expect(
      faultsOf(minimal({ chain: "x", pool: { address: testnetAddress } })).map(({ path }) => path),
    ).toEqual(["chain"]);
  });
});

describe("the result", () => {
  test("is frozen to its depths", () => {
    const config = configOf(minimal());
    expect(Object.isFrozen(config.stratum.difficulty)).toBe(true);
    expect(Object.isFrozen(config.nodes[0])).toBe(true);
    expect(() => {
      (config.pool as { address: string }).address = "mine";
    }).toThrow(TypeError);
  });

  test("has absolute paths: relative ones start at the file's folder, defaults in dataDirectory", () => {
    const config = configOf(
      minimal({ dataDirectory: "../pool", nodes: [{ rpc: "http://h:1", cookieFile: ".cookie" }] }),
    );
    expect(config.dataDirectory).toBe("/etc/pool");
    expect(config.journal.directory).toBe("/etc/pool/journal");
    expect(config.stratum.authorityKeyFile).toBe("/etc/pool/authority.key");
    expect(config.nodes[0]!.cookieFile).toBe("/etc/penstock/.cookie");
    const named = parseConfig("dataDirectory: ${DATA}\n", folder, { DATA: "/srv" });
    expect(named.ok).toBe(false);
    expect(configOf(minimal({ dataDirectory: "${DATA}" }), { DATA: "/srv" }).journal.directory).toBe(
      "/srv/journal",
    );
  });

  test("JSON is YAML, too", () => {
    expect(parseConfig(JSON.stringify(minimal()), folder, {}).ok).toBe(true);
  });
});
