import { xOnlyPointFromScalar } from "tiny-secp256k1";
import { expect, test } from "vitest";
import { Authority, type IssuedIdentity, issueIdentity } from "../../../src/pool/authority.ts";
import { isSignedBy, validityOf } from "../../../src/protocol/v2/noise/certificate.ts";
import { decodeEllswift } from "../../../src/protocol/v2/noise/ellswift.ts";
import { aClock } from "../../support/clock.ts";
import { silentLog } from "../../support/silent-log.ts";

const secret = Buffer.alloc(32, 3);
const start = 1_700_000_000;
const dayMs = 86_400_000;

function anAuthority({ certificateDays = 30, issue = issueIdentity } = {}) {
  const clock = aClock(start * 1000);
  const issued: { identity: IssuedIdentity; renewalSeconds: number }[] = [];
  const renewed: IssuedIdentity[] = [];
  const errors: unknown[] = [];
  const authority = new Authority({
    secret,
    certificateDays,
    clock,
    log: { ...silentLog, error: ({ event }: { event: string }) => errors.push(event) },
    onIssued: (identity, renewalSeconds) => issued.push({ identity, renewalSeconds }),
    onRenewed: (identity) => renewed.push(identity),
    issue,
  });
  return { authority, clock, issued, renewed, errors };
}

test("the first identity begins an hour ago, lives its days, and is signed for its own static key", () => {
  const { authority, issued, renewed } = anAuthority();
  const { staticKey, certificate, validFrom, notValidAfter } = authority.identity;
  expect({ validFrom, notValidAfter }).toEqual({
    validFrom: start - 3600,
    notValidAfter: start + 30 * 86_400,
  });
  expect(validityOf(Buffer.from(certificate))).toEqual({ validFrom, notValidAfter });
  const staticX = decodeEllswift(staticKey.ellswift);
  expect(isSignedBy(xOnlyPointFromScalar(secret), Buffer.from(certificate), staticX)).toBe(true);
  expect(Buffer.from(staticX)).toEqual(Buffer.from(xOnlyPointFromScalar(staticKey.secret)));
  expect(issued).toEqual([{ identity: authority.identity, renewalSeconds: start + 15 * 86_400 }]);
  expect(renewed).toEqual([]);
});

test("half-way another one is issued, with another static key, and nothing ends", () => {
  const { authority, clock, issued, renewed, errors } = anAuthority();
  const first = authority.identity;
  clock.advance(15 * dayMs - 1000);
  authority.look();
  expect(authority.identity).toBe(first);
  clock.advance(1000);
  authority.look();
  authority.look();
  expect(renewed).toEqual([authority.identity]);
  expect(issued.length).toBe(2);
  expect(authority.identity.staticKey.ellswift).not.toEqual(first.staticKey.ellswift);
  expect(authority.identity.notValidAfter).toBe(start + 45 * 86_400);
  expect(errors).toEqual([]);
});

test("certificates of minutes are renewed as well, without an alarm", () => {
  const { authority, clock, renewed, errors } = anAuthority({ certificateDays: 0.01 });
  for (let second = 0; second < 3600; second += 10) {
    authority.look();
    clock.advance(10_000);
  }
  expect(renewed.length).toBe(8);
  expect(errors).toEqual([]);
});

test("a clock that was set back brings one that is valid by it", () => {
  const { authority, clock, renewed } = anAuthority();
  clock.advance(-3_599_000);
  authority.look();
  expect(renewed).toEqual([]);
  clock.advance(-2_000);
  authority.look();
  expect(renewed.length).toBe(1);
  expect(authority.identity.validFrom).toBe(start - 3601 - 3600);
});

test("a renewal that fails is tried each minute, and told; a week before the end it is an alarm, once", () => {
  let isBroken = false;
  const issue: typeof issueIdentity = (...how) => {
    if (isBroken) throw new Error("no entropy");
    return issueIdentity(...how);
  };
  const { authority, clock, errors, renewed } = anAuthority({ issue });
  const first = authority.identity;
  isBroken = true;
  clock.advance(15 * dayMs);
  authority.look();
  clock.advance(59_000);
  authority.look();
  expect(errors).toEqual(["v2-certificate-not-renewed"]);
  clock.advance(1_000);
  authority.look();
  expect(errors).toEqual(["v2-certificate-not-renewed", "v2-certificate-not-renewed"]);
  expect(authority.identity).toBe(first);

  errors.length = 0;
  clock.advance(8 * dayMs);
  authority.look();
  clock.advance(1_000);
  authority.look();
  expect(errors).toEqual(["v2-certificate-not-renewed", "v2-certificate-expires"]);

  isBroken = false;
  clock.advance(60_000);
  authority.look();
  expect(renewed.length).toBe(1);
});

test.each([-1, 5_000_000_000])("a clock at %d seconds gives a certificate all the same", (now) => {
  const { validFrom, notValidAfter } = issueIdentity(secret, now, 30);
  expect(validFrom).toBeGreaterThanOrEqual(0);
  expect(notValidAfter).toBeLessThanOrEqual(0xffffffff);
});
