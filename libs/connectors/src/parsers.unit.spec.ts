import { describe, expect, it } from 'vitest';
import { parseConnectionString } from './azure-event-hubs/connection-string.ts';
import { hostIssue, hostOfUrl } from './fields.ts';
import { parseKeyFile } from './google-pubsub/key-file.ts';
import { topicFilterIssue, topicIssue, topicMatches, wantedTopics } from './mqtt/topic-filter.ts';

/** A reason, as opposed to what was parsed. */
const reasonOf = (parsed: unknown): string => (typeof parsed === 'string' ? parsed : 'hunter2 was accepted');

describe('a topic filter', () => {
  it.each(['a', '/', 'a/b/c', '+', '#', 'a/+/b', 'a/#', '+/+', '$SYS/#', '$share/group/a/+', ' ', 'ü/💧'])('%s is one', (filter) =>
    expect(topicFilterIssue(filter)).toBeUndefined(),
  );
  it.each([
    '',
    'a/#/b',
    'a#',
    '#a',
    'a+',
    '+a/b',
    'a\u0000',
    '$share',
    '$share/',
    '$share/g',
    '$share/g/',
    '$share/+/a',
    '\ud800',
    'ü'.repeat(32_768),
  ])('%.20j is none', (filter) => expect(topicFilterIssue(filter)).toBeDefined());
  it('is no topic to publish to when it has wildcards', () => {
    expect(topicIssue('a/b')).toBeUndefined();
    expect([topicIssue('a/+'), topicIssue('#'), topicIssue('')].every((issue) => issue !== undefined)).toBe(true);
  });

  it.each([
    ['a/b', 'a/b', true],
    ['a/b', 'a/b/c', false],
    ['a/+', 'a/b', true],
    ['a/+', 'a', false],
    ['a/+', 'a/', true],
    ['a/+', 'a/b/c', false],
    ['a/#', 'a', true],
    ['a/#', 'a/b/c', true],
    ['#', 'a/b', true],
    ['#', '$SYS/x', false],
    ['+/x', '$SYS/x', false],
    ['$SYS/#', '$SYS/x', true],
    ['+/+', '/a', true],
    ['$share/g/a/#', 'a/b', true],
    ['$share/g/#', '$SYS/x', false],
    ['a', 'A', false],
  ])('%s matches %s: %s', (filter, topic, matches) => expect(topicMatches(filter, topic)).toBe(matches));

  it('of an older configuration is not wanted any more', () => {
    expect(['a/1', 'b/1'].map(wantedTopics(['a/+']))).toEqual([true, false]);
    expect(['a/1', 'b/1'].map(wantedTopics(['a/+', '$queue/x']))).toEqual([true, true]);
  });
});

describe('a connection string', () => {
  const tail = 'SharedAccessKeyName=n;SharedAccessKey=k=';

  it('is taken apart', () => {
    expect(parseConnectionString(`Endpoint=sb://N.servicebus.windows.net/;${tail};EntityPath=hub;`)).toEqual({
      host: 'n.servicebus.windows.net',
      keyName: 'n',
      key: 'k=',
      entityPath: 'hub',
      emulator: false,
    });
    expect(parseConnectionString(`endpoint=sb://localhost:5672;${tail};UseDevelopmentEmulator=true`)).toMatchObject({
      host: 'localhost',
      port: 5672,
      emulator: true,
    });
    expect(parseConnectionString('Endpoint=sb://a.b/;SharedAccessSignature=SharedAccessSignature sr=x&sig=y')).toMatchObject({
      signature: 'SharedAccessSignature sr=x&sig=y',
    });
  });

  it.each([
    'hunter2',
    '',
    `Endpoint=sb://a.b/;Endpoint=sb://c.d/;${tail}`,
    `Endpoint=sb://a.b/;endpoint=sb://c.d/;${tail}`,
    `Endpoint=sb://a.b@c.d/;${tail}`,
    `Endpoint=sb://a.b/path;${tail}`,
    `Endpoint=http://a.b/;${tail}`,
    `Endpoint=a.b;${tail}`,
    tail,
    'Endpoint=sb://a.b/',
    'Endpoint=sb://a.b/;SharedAccessKeyName=n',
    `Endpoint=sb://a.b/;${tail};CustomEndpointAddress=c.d`,
    '=hunter2;',
  ])('%s is none, and the reason doesn’t quote it', (source) => {
    expect(reasonOf(parseConnectionString(source))).not.toContain('hunter2');
  });
});

describe('a key file', () => {
  const file = { type: 'service_account', client_email: 'a@b.c', private_key: 'hunter2', project_id: 'p' };
  const parse = (fields: Record<string, unknown>): unknown => parseKeyFile(JSON.stringify({ ...file, ...fields }));

  it('gives its account, its project and every host it would lead to', () => {
    expect(
      parse({ token_uri: 'https://oauth2.example/token', auth_uri: 'https://oauth2.example/auth', universe_domain: 'u.example' }),
    ).toEqual({
      clientEmail: 'a@b.c',
      privateKey: 'hunter2',
      projectId: 'p',
      universeDomain: 'u.example',
      hosts: ['oauth2.example', 'pubsub.u.example'],
    });
  });

  it.each([
    { type: 'external_account' },
    { type: undefined },
    { client_email: '' },
    { private_key: 5 },
    { token_uri: 'file:///etc/passwd' },
    { token_uri: 5 },
    { auth_uri: 'nope' },
    { universe_domain: 'localhost' },
    { universe_domain: '127.0.0.1:80' },
    { universe_domain: 5 },
  ])('with %j is refused, and the reason doesn’t quote it', (fields) => expect(reasonOf(parse(fields))).not.toContain('hunter2'));

  it.each(['', 'hunter2', '[]', 'null', '{"hunter2'])('%s is none', (source) =>
    expect(reasonOf(parseKeyFile(source))).not.toContain('hunter2'),
  );
});

describe('a host and a URL', () => {
  it.each(['a.example', 'A', '127.0.0.1', '::1', '[::1]', 'bücher.example'])('%s is a host', (host) =>
    expect(hostIssue(host)).toBeUndefined(),
  );
  it.each(['', 'a b', 'a/b', 'a:1', 'a@b', 'mqtt://a', '1:2:3', 'a%41', '[::1', 'a\n'])('%j is none', (host) =>
    expect(hostIssue(host)).toBeDefined(),
  );

  it.each([
    ['wss://a.example:1/x', 'a.example'],
    ['ws://[::1]/', '[::1]'],
    ['wss://0x7f.1', '127.0.0.1'],
    ['https://a.example', undefined],
    ['wss://', undefined],
    ['a.example', undefined],
  ])('%s leads to %s', (url, host) => expect(hostOfUrl(url, ['ws', 'wss'])).toBe(host));
});
