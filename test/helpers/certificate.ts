// SPDX-License-Identifier: MIT
// A key and a self-signed certificate for TLS servers of tests, made when they are needed, so that
// no key lies in the tree. RSA, because that is what the interpreter's Linux build speaks.
// DER as in RFC 5280 section 4.1; nothing in it but what a server needs.
import { generateKeyPairSync, sign } from "node:crypto";

/** Key and certificate, PEM. */
export interface Certificate {
  key: string;
  cert: string;
}

const INTEGER = 0x02;
const BIT_STRING = 0x03;
const NULL = 0x05;
const OBJECT_ID = 0x06;
const UTF8_STRING = 0x0c;
const UTC_TIME = 0x17;
const SEQUENCE = 0x30;
const SET = 0x31;

function der(tag: number, ...parts: Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const size = body.length;
  const length = size < 128 ? [size] : size < 256 ? [0x81, size] : [0x82, size >> 8, size & 255];
  return Buffer.concat([Buffer.from([tag, ...length]), body]);
}

/** 1.2.840.113549.1.1.11 sha256WithRSAEncryption, and 2.5.4.3 commonName. */
const SHA256_WITH_RSA = Buffer.from("2a864886f70d01010b", "hex");
const COMMON_NAME = Buffer.from("550403", "hex");

/** Makes a certificate for a name, valid from 2020 to 2049. */
export function createCertificate(name: string): Certificate {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const algorithm = der(SEQUENCE, der(OBJECT_ID, SHA256_WITH_RSA), der(NULL));
  const commonName = der(OBJECT_ID, COMMON_NAME);
  const names = der(
    SEQUENCE,
    der(SET, der(SEQUENCE, commonName, der(UTF8_STRING, Buffer.from(name)))),
  );
  const time = (text: string): Buffer => der(UTC_TIME, Buffer.from(text));
  const signed = der(
    SEQUENCE,
    der(INTEGER, Buffer.from([1])),
    algorithm,
    names,
    der(SEQUENCE, time("200101000000Z"), time("491231235959Z")),
    names,
    publicKey.export({ type: "spki", format: "der" }),
  );
  const signature = der(BIT_STRING, Buffer.from([0]), sign("sha256", signed, privateKey));
  const base64 = der(SEQUENCE, signed, algorithm, signature).toString("base64");
  const lines = base64.replace(/(.{64})(?!$)/g, "$1\n");
  return {
    key: privateKey.export({ type: "pkcs8", format: "pem" }) as string,
    cert: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`,
  };
}
