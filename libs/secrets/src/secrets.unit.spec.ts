import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createMasterKeyFile, isSealed, loadMasterKey, maskFields, seal, sealFields, SecretKeys, unseal, unsealFields } from './index.ts';

const place = { applicationId: 'a1', resourceId: 'r1', field: 'password' };
const newKey = () => new SecretKeys(randomBytes(32)).newDataKey('a1').key;

describe('a sealed secret', () => {
  const key = newKey();

  it.each(['hunter2', '', 'ü💧', 'x'.repeat(32_767)])('opens to what was sealed (%#)', (clear) =>
    expect(unseal(key, seal(key, clear, place), place)).toBe(clear),
  );

  it('shows nothing of its text, and no two are alike', () => {
    const [one, two] = [seal(key, 'hunter2', place), seal(key, 'hunter2', place)];
    expect(one.$sealed).not.toBe(two.$sealed);
    expect(one.$sealed).not.toContain(Buffer.from('hunter2').toString('base64url'));
    expect(isSealed(one)).toBe(true);
  });

  it.each([
    ['tenant', { ...place, applicationId: 'a2' }],
    ['resource', { ...place, resourceId: 'r2' }],
    ['field', { ...place, field: 'username' }],
    ['split of the same text', { applicationId: 'a1', resourceId: 'r1","password', field: '' }],
  ])('opens in no other %s', (_, other) => {
    expect(() => unseal(key, seal(key, 'hunter2', place), other)).toThrow(expect.objectContaining({ code: 'tampered' }));
  });

  it('opens with no other key', () => {
    expect(() => unseal(newKey(), seal(key, 'hunter2', place), place)).toThrow(expect.objectContaining({ code: 'wrongKey' }));
  });

  it('opens no more after any one character was changed, and no error shows it', () => {
    const { $sealed } = seal(key, 'hunter2', place);
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    for (let at = 0; at < $sealed.length; at++) {
      const other = alphabet[alphabet.indexOf($sealed[at] ?? '') ^ 32] ?? 'A'; // its first bit, which no padding ignores
      const changed = $sealed.slice(0, at) + other + $sealed.slice(at + 1);
      expect(() => unseal(key, { $sealed: changed }, place)).toThrow(
        expect.objectContaining({ name: 'SecretError', message: expect.not.stringContaining('hunter2') }),
      );
    }
  });

  it.each(['', 'a', 'a.b.c', 'a.b.c.d.e', '....'])('%j is none', ($sealed) =>
    expect(() => unseal(key, { $sealed }, place)).toThrow(expect.objectContaining({ name: 'SecretError' })),
  );

  it.each([null, 'x', {}, { $sealed: 1 }, { $sealed: 'x', more: 1 }, ['x']])('%j is not taken for one', (value) =>
    expect(isSealed(value)).toBe(false),
  );
});

describe('a data key', () => {
  const masterBytes = randomBytes(32);
  const keys = new SecretKeys(masterBytes);

  it('opens again from what was stored, for its own application only', () => {
    const { wrapped, key } = keys.newDataKey('a1');
    const sealed = seal(key, 'hunter2', place);
    expect(unseal(keys.open('a1', wrapped), sealed, place)).toBe('hunter2');
    expect(() => keys.open('a2', wrapped)).toThrow(expect.objectContaining({ code: 'tampered' }));
  });

  it('opens with no other master key', () => {
    const { wrapped } = keys.newDataKey('a1');
    expect(() => new SecretKeys(randomBytes(32)).open('a1', wrapped)).toThrow(expect.objectContaining({ code: 'wrongKey' }));
  });

  it('is wrapped anew by a rotation, and what it sealed stays readable', () => {
    const { wrapped, key } = keys.newDataKey('a1');
    const sealed = seal(key, 'hunter2', place);
    const next = randomBytes(32);
    const rotating = new SecretKeys(next, [masterBytes]);
    expect(rotating.isCurrent(wrapped)).toBe(false);
    const again = rotating.rewrap('a1', wrapped);
    expect(rotating.isCurrent(again)).toBe(true);
    expect(unseal(new SecretKeys(next).open('a1', again), sealed, place)).toBe('hunter2');
  });

  it('shows its id at most, however it is printed', () => {
    const { key } = keys.newDataKey('a1');
    expect(JSON.parse(JSON.stringify(key))).toEqual({ id: key.id });
    expect(inspect(key, { depth: 9, showHidden: true })).toContain(key.id);
    expect(inspect([key, keys], { depth: 9, showHidden: true })).not.toContain(masterBytes.toString('hex').slice(0, 8));
  });

  it.each(['', 'x', 'd000000000000', 'd000000000000:', 'nope:a.b.c.d', 'd000000000000:a:b'])('%j is none', (wrapped) =>
    expect(() => keys.open('a1', wrapped)).toThrow(expect.objectContaining({ name: 'SecretError' })),
  );

  it.each([0, 16, 31, 33])('a master key of %i bytes is refused', (size) =>
    expect(() => new SecretKeys(randomBytes(size))).toThrow(expect.objectContaining({ code: 'keyFile' })),
  );
});

describe('fields', () => {
  const key = newKey();
  const paths = [['password'], ['headers', '*', 'headerValue']];
  const at = (field: string) => ({ ...place, field });
  const config = {
    host: 'h',
    password: 'p',
    headers: [
      { headerKey: 'X', headerValue: 'one' },
      { headerKey: 'Y', headerValue: 'two' },
    ],
  };
  const sealOne = (clear: string, field: string) => seal(key, clear, at(field));

  it('are sealed where they stand, in lists too, and opened again', () => {
    const sealed = sealFields(paths, config, sealOne);
    expect(JSON.stringify(sealed)).not.toMatch(/"(p|one|two)"/);
    expect(sealed).toMatchObject({ host: 'h', headers: [{ headerKey: 'X' }, { headerKey: 'Y' }] });
    expect(unsealFields(sealed, (one, field) => unseal(key, one, at(field)))).toEqual(config);
    expect(config.password).toBe('p');
  });

  it('that are kept take their stored place unchanged, at another index too', () => {
    const before = sealFields(paths, config, sealOne);
    const stored = (before['headers'] as { headerValue: unknown }[])[1]?.headerValue;
    const masked = { host: 'h', headers: [{ headerKey: 'Y', headerValue: '********' }] };
    const after = sealFields(paths, masked, sealOne, new Map([['headers.0.headerValue', stored]]));
    expect(unsealFields(after, (one, field) => unseal(key, one, at(field)))).toEqual({
      host: 'h',
      headers: [{ headerKey: 'Y', headerValue: 'two' }],
    });
  });

  it('are masked, sealed or clear, and where no mark says so', () => {
    const sealed = { ...sealFields(paths, config, sealOne), former: sealOne('x', 'former') };
    expect(maskFields(paths, sealed, '****')).toEqual({
      host: 'h',
      password: '****',
      former: '****',
      headers: [
        { headerKey: 'X', headerValue: '****' },
        { headerKey: 'Y', headerValue: '****' },
      ],
    });
    expect(maskFields(paths, { password: 'clear' }, '****')).toEqual({ password: '****' });
  });

  it('that are absent stay absent', () =>
    expect(maskFields(paths, sealFields(paths, { host: 'h' }, sealOne), '****')).toEqual({ host: 'h' }));
});

describe('the master key’s file', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-secrets-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('is made once, readable by its owner only, whoever starts at the same time', async () => {
    const path = join(folder, 'made');
    await Promise.all(Array.from({ length: 8 }, () => createMasterKeyFile(path)));
    const content = await readFile(path, 'utf8');
    await createMasterKeyFile(path);
    expect(await readFile(path, 'utf8')).toBe(content);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await loadMasterKey(path)).toHaveLength(32);
    expect((await readdir(folder)).filter((name) => name.startsWith('made'))).toEqual(['made']);
  });

  it('may be raw, hexadecimal or base64', async () => {
    const key = randomBytes(32);
    for (const content of [
      key,
      key.toString('hex'),
      `${key.toString('hex')}\n`,
      key.toString('base64'),
      `${key.toString('base64url')}\n`,
    ]) {
      const path = join(folder, 'form');
      await writeFile(path, content, { mode: 0o600 });
      expect(Buffer.from(await loadMasterKey(path))).toEqual(key);
    }
  });

  it('is refused with its reason when it is missing, open to others, or no key, and never quoted', async () => {
    await expect(loadMasterKey(join(folder, 'missing'))).rejects.toMatchObject({
      code: 'keyFile',
      message: expect.stringContaining('ENOENT'),
    });
    await expect(createMasterKeyFile(join(folder, 'no', 'folder'))).rejects.toMatchObject({ code: 'keyFile' });
    const path = join(folder, 'bad');
    await writeFile(path, 'hunter2', { mode: 0o600 });
    await expect(loadMasterKey(path)).rejects.toMatchObject({ code: 'keyFile', message: expect.not.stringContaining('hunter2') });
    await writeFile(path, randomBytes(32));
    await chmod(path, 0o640);
    await expect(loadMasterKey(path)).rejects.toMatchObject({ code: 'keyFile', message: expect.stringContaining('mode 640') });
  });
});
