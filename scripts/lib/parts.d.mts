interface Options {
  readonly log: (line: string) => void;
}

export function provideBitcoin(
  options: Options,
): Promise<{ readonly bitcoind: string; readonly bitcoinCli: string; readonly origin: string }>;

export function provideRedis(
  options: Options,
): Promise<{ readonly redisServer: string; readonly redisCli: string; readonly origin: string }>;

export function providePrometheus(
  options: Options,
): Promise<{ readonly prometheus: string; readonly promtool: string; readonly origin: string }>;

export function provideHaproxy(
  options: Options,
): Promise<{ readonly haproxy: string; readonly origin: string }>;

export function provideOpenssl(
  options: Options,
): Promise<{ readonly openssl: string; readonly origin: string }>;

export function provideClang(
  options: Options,
): Promise<{ readonly compiler: string; readonly flags: readonly string[]; readonly origin: string }>;

export function provideArm64(
  options: Options,
): Promise<{ readonly compiler: string; readonly run: readonly string[]; readonly origin: string }>;
