// SHA-256 of bytes that come piece by piece, which WebCrypto cannot take: by the platform where it has it, else in JavaScript.
export interface Digest {
  update(bytes: Uint8Array): void;
  /** 64 hexadecimal digits. */
  hex(): string;
}

/** What Node.js, Deno and Bun have; nothing of it is imported. */
interface Platform {
  process?: { getBuiltinModule?: (name: 'node:crypto') => NativeCrypto | undefined };
}
interface NativeCrypto {
  createHash(name: 'sha256'): { update(bytes: Uint8Array): unknown; digest(encoding: 'hex'): string };
}

export async function newSha256(platform: object = globalThis): Promise<Digest> {
  const { process } = platform as Platform;
  const native = process?.getBuiltinModule?.('node:crypto');
  if (native !== undefined) {
    const hash = native.createHash('sha256');
    return { update: (bytes) => void hash.update(bytes), hex: () => hash.digest('hex') };
  }
  const { sha256 } = await import('@noble/hashes/sha2.js');
  const hash = sha256.create();
  const digits = (byte: number) => byte.toString(16).padStart(2, '0');
  return {
    update: (bytes) => void hash.update(bytes),
    hex: () => Array.from(hash.digest(), digits).join(''),
  };
}
