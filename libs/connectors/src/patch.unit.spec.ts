import { templateIssue } from '#lib/templating';
import { describe, expect, it } from 'vitest';
import { checkIntegration, definitionOf, keepConfig, MASK, mergePatchedConfig } from './index.ts';

const sealed = (name: string): { $sealed: string } => ({ $sealed: `sealed ${name}` });
const inline = { stored: undefined, patched: undefined };

describe('a configuration in a PATCH', () => {
  const mqtt = definitionOf('mqtt');
  const base = { protocol: 'mqtt', host: 'a.example', port: 1883 };
  const stored = { ...base, username: 'u', password: sealed('p') };
  const keptBy = (patch: unknown): unknown[] => [...mergePatchedConfig(mqtt, stored, patch, inline).kept];

  it.each([
    ['sent as its mask', { ...base, username: 'u', password: MASK }, true],
    ['left out', { ...base, username: 'new' }, true],
    ['another', { ...base, username: 'u', password: 'new' }, false],
    ['left out with its user', base, false],
    ['left out for a certificate', { ...base, protocol: 'mqtts', privateKey: 'key!', certificate: 'cert' }, false],
    ['its mask beside a certificate', { ...base, protocol: 'mqtts', privateKey: 'key!', certificate: 'cert', password: MASK }, false],
  ])('with the password %s keeps what is stored: %s', (_, patch, keeps) =>
    expect(keptBy(patch)).toEqual(keeps ? [['password', sealed('p')]] : []),
  );

  it('replaces everything else: what it leaves out is gone', () => {
    const { config } = mergePatchedConfig(mqtt, { ...stored, clientId: 'c', clean: false }, { ...base, username: 'u' }, inline);
    expect(config).toEqual({ ...base, username: 'u', password: MASK });
  });

  it('needs its required fields again', () => {
    const { config, kept } = mergePatchedConfig(mqtt, stored, { host: 'b.example', username: 'u' }, inline);
    const checked = checkIntegration(mqtt, { topics: [], config }, { kept: new Set(kept.keys()) });
    expect(checked).toMatchObject({ ok: false, issues: [{ path: ['mqttConfig', 'protocol'] }, { path: ['mqttConfig', 'port'] }] });
  });

  it('keeps a required secret by its mask only', () => {
    const particle = definitionOf('particle');
    const before = { accessToken: sealed('t') };
    expect(mergePatchedConfig(particle, before, { accessToken: MASK }, inline).kept.size).toBe(1);
    const { config, kept } = mergePatchedConfig(particle, before, { deviceNameOrId: 'd' }, inline);
    expect(checkIntegration(particle, { topics: [], config }, { kept: new Set(kept.keys()) })).toMatchObject({
      ok: false,
      issues: [{ path: ['particleConfig', 'accessToken'] }],
    });
  });

  it('keeps the values of headers by their names, wherever they stand', () => {
    const websocket = definitionOf('websocket');
    const before = {
      url: 'wss://a.example',
      headers: [
        { headerKey: 'A', headerValue: sealed('a') },
        { headerKey: 'B', headerValue: sealed('b') },
      ],
    };
    const headers = [
      { headerKey: 'b', headerValue: MASK },
      { headerKey: 'C', headerValue: 'c' },
      { headerKey: 'D', headerValue: MASK },
    ];
    const { config, kept } = mergePatchedConfig(websocket, before, { url: 'wss://a.example', headers }, inline);
    expect([...kept]).toEqual([['headers.0.headerValue', sealed('b')]]);
    const checked = checkIntegration(websocket, { topics: [], config }, { kept: new Set(kept.keys()) });
    expect(checked).toMatchObject({ ok: false, issues: [{ path: ['websocketConfig', 'headers', 2, 'headerValue'] }] });
  });

  it.each([null, 'text', [], 5])('that is %j is refused, not merged', (patch) => {
    const { config, kept } = mergePatchedConfig(mqtt, stored, patch, inline);
    expect(kept.size).toBe(0);
    expect(checkIntegration(mqtt, { topics: [], config }).ok).toBe(false);
  });
});

describe('a switch between inline secrets and a credential', () => {
  const sqs = definitionOf('sqs');
  const stored = {
    queueUrl: 'https://sqs.us-east-1.amazonaws.com/1/q',
    region: 'us-east-1',
    accessKeyId: 'AKIA',
    secretAccessKey: sealed('s'),
  };

  it('drops the inline ones', () => {
    const { config, kept } = keepConfig(sqs, stored, { stored: undefined, patched: 'c' });
    expect([config, kept.size]).toEqual([{ queueUrl: stored.queueUrl }, 0]);
    expect(checkIntegration(sqs, { credentialName: 'c', topics: [], config }).ok).toBe(true);
  });

  it('drops them with a configuration of its own too, mask or not', () => {
    for (const patch of [{ queueUrl: stored.queueUrl }, { queueUrl: stored.queueUrl, secretAccessKey: MASK }])
      expect(mergePatchedConfig(sqs, stored, patch, { stored: undefined, patched: 'c' }).kept.size).toBe(0);
  });

  it('back needs them again', () => {
    const { config } = keepConfig(sqs, { queueUrl: stored.queueUrl }, { stored: 'c', patched: undefined });
    expect(checkIntegration(sqs, { topics: [], config }).ok).toBe(false);
  });

  it('that isn’t one keeps everything, secrets as their masks, and changes nothing of what is stored', () => {
    const { config, kept } = keepConfig(sqs, stored, inline);
    expect(config).toEqual({ ...stored, secretAccessKey: MASK });
    expect([...kept]).toEqual([['secretAccessKey', sealed('s')]]);
    expect(stored.secretAccessKey).toEqual(sealed('s'));
    expect(checkIntegration(sqs, { topics: [], config }, { kept: new Set(kept.keys()) }).ok).toBe(true);
  });
});

describe('the check', () => {
  const mqtt = definitionOf('mqtt');
  const config = { protocol: 'mqtt', host: 'a.example', port: 1883 };
  const issuesWith = (added: Record<string, unknown>, checks: Parameters<typeof checkIntegration>[2] = {}): unknown => {
    const checked = checkIntegration(mqtt, { topics: [], config: { ...config, ...added } }, checks);
    return checked.ok ? [] : checked.issues.map(({ path }) => path.join('.'));
  };

  it('refuses a mask where nothing is stored: nobody means eight asterisks', () => {
    expect(issuesWith({ username: 'u', password: MASK })).toEqual(['mqttConfig.password']);
    expect(issuesWith({ username: 'u', password: MASK }, { kept: new Set(['password']) })).toEqual([]);
  });

  it('refuses broken templates, in secrets too, without quoting them', () => {
    const checked = checkIntegration(
      mqtt,
      { topics: [], config: { ...config, host: '{{#if a}}', username: 'u', password: 'hunter2 {{globals.}} hunter2' } },
      { template: templateIssue },
    );
    expect(checked).toMatchObject({ ok: false, issues: [{ path: ['mqttConfig', 'host'] }, { path: ['mqttConfig', 'password'] }] });
    expect(JSON.stringify(checked)).not.toContain('hunter2');
    expect(issuesWith({ host: '{{globals.host}}' }, { template: templateIssue })).toEqual([]);
  });

  it('asks about every host named outright, and leaves templates to the dial', () => {
    const asked: string[] = [];
    const host = (name: string): string => {
      asked.push(name);
      return 'is forbidden';
    };
    expect(issuesWith({}, { host })).toEqual(['mqttConfig.host']);
    expect(issuesWith({ host: '{{globals.host}}' }, { host })).toEqual([]);
    expect(asked).toEqual(['a.example']);
  });
});
