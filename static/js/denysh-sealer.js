// Seals as deny.sh's clients do, in a thread of its own, since the derivation takes some seconds:
// Argon2id (t=3, m=64 MiB, p=1) over the password, then AES-256-CTR. vault/denysh/sealing.py says the same.

import { argon2id } from "../vendor/argon2.js";

const SALT = 32;
const IV = 16;
const COST = { t: 3, m: 64 * 1024, p: 1, dkLen: 32, version: 0x13 };

addEventListener("message", async ({ data: { value, password } }) => {
  try {
    postMessage({ sealed: await seal(value, password) });
  } catch (error) {
    postMessage({ error: error.name });
  }
});

async function seal(value, password) {
  const salt = crypto.getRandomValues(new Uint8Array(SALT));
  const iv = crypto.getRandomValues(new Uint8Array(IV));
  const secret = argon2id(new TextEncoder().encode(password), salt, {
    ...COST,
    onProgress: (done) => postMessage({ done }),
  });
  const key = await crypto.subtle.importKey("raw", secret, "AES-CTR", false, ["encrypt"]);
  secret.fill(0);
  const data = await crypto.subtle.encrypt({ name: "AES-CTR", counter: iv, length: 128 }, key, new TextEncoder().encode(value));
  return hex(salt) + hex(iv) + hex(new Uint8Array(data));
}

const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
