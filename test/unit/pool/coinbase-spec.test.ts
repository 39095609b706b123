import { expect, test } from "vitest";
import { parseAddress } from "../../../src/bitcoin/address.ts";
import { coinbaseSpecOf, soloTermsOf } from "../../../src/pool/coinbase-spec.ts";
import { aConfig } from "../config/builders.ts";
