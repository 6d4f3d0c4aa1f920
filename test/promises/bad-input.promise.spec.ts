import { afterAll, beforeAll, expect, it } from 'vitest';
import { Product } from '../product/product.ts';
import { recordFigure } from './figures.ts';

let product: Product;
let app: string;
let integration: string;
let flow: string;
let foreign: string;

beforeAll(async () => {
  product = await Product.start();
  const made = async (path: string, body: unknown): Promise<string> => (await product.call<{ id: string }>('POST', path, body)).id;
  app = await made('/applications', { name: 'Bad input' });
  integration = await made(`/applications/${app}/integrations`, {
    name: 'Broker',
    enabled: false,
    integrationType: 'mqtt',
    topics: ['a'],
    mqttConfig: MQTT,
  });
  flow = await made(`/applications/${app}/flows`, {
    name: 'Flow',
    triggers: [{ type: 'virtualButton', key: 'press', config: {}, outputIds: [['debug']] }],
    nodes: [{ id: 'debug', type: 'DebugNode', config: {} }],
  });
  const other = await made('/applications', { name: 'Other' });
  foreign = await made(`/applications/${other}/integrations`, {
    name: 'Theirs',
    enabled: false,
    integrationType: 'mqtt',
    mqttConfig: MQTT,
  });
});
afterAll(() => product.stop());

const MQTT = { protocol: 'mqtt', host: '127.0.0.1', port: 1883 };
const PEM = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----';
const NOBODY = '0123456789abcdef01234567';

interface Case {
  readonly what: string;
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
  /** Sent as it is, with this content type. */
  readonly raw?: { readonly type: string; readonly text: string };
  readonly status: number;
  /** Part of the message: the field to change. */
  readonly names?: string;
}

const bad = (what: string, method: string, path: string, body: unknown, names: string, status = 400): Case => ({
  what,
  method,
  path,
  body,
  status,
  names,
});

function integrationCases(): Case[] {
  const at = `/applications/${app}/integrations`;
  const post = (what: string, change: Record<string, unknown>, names: string, status = 400): Case =>
    bad(`integration: ${what}`, 'POST', at, { name: 'X', integrationType: 'mqtt', topics: [], mqttConfig: MQTT, ...change }, names, status);
  const mqtt = (what: string, change: Record<string, unknown>, names: string): Case =>
    post(`mqtt ${what}`, { mqttConfig: { ...MQTT, ...change } }, names);
  const secure = { protocol: 'mqtts', port: 8883 };
  const other = (type: string, what: string, config: unknown, names: string, more: Record<string, unknown> = {}, status = 400): Case =>
    bad(
      `integration: ${type} ${what}`,
      'POST',
      at,
      { name: 'X', integrationType: type, [`${type}Config`]: config, ...more },
      names,
      status,
    );
  return [
    post('no name', { name: undefined }, 'name'),
    post('blank name', { name: '' }, 'name'),
    post('name too long', { name: 'n'.repeat(256) }, 'name'),
    post('name of the wrong type', { name: 7 }, 'name'),
    post('no type', { integrationType: undefined }, 'integrationType'),
    post('unknown type', { integrationType: 'kafka' }, 'integrationType'),
    post('unknown property', { colour: 'red' }, 'colour'),
    post('enabled as text', { enabled: 'yes' }, 'enabled'),
    post('topics as text', { topics: 'a/b' }, 'topics'),
    post('repeated topic', { topics: ['a', 'a'] }, 'topics[1]'),
    post('blank topic', { topics: [''] }, 'topics[0]'),
    post('topic too long', { topics: ['t'.repeat(1025)] }, 'topics[0]'),
    post('# inside a topic filter', { topics: ['a/#/b'] }, 'topics[0]'),
    post('+ inside a level', { topics: ['a+/b'] }, 'topics[0]'),
    post('no configuration', { mqttConfig: undefined }, 'mqttConfig'),
    post('configuration of another type', { sqsConfig: {} }, 'sqsConfig'),
    post('configuration as a list', { mqttConfig: [] }, 'mqttConfig'),
    post('credential for a type without', { credentialName: 'aws' }, 'credentialName'),
    mqtt('unknown property', { hots: 'typo' }, 'mqttConfig.hots'),
    mqtt('no host', { host: undefined }, 'mqttConfig.host'),
    mqtt('host with a protocol', { host: 'mqtt://broker' }, 'mqttConfig.host'),
    mqtt('host with a path', { host: 'broker/path' }, 'mqttConfig.host'),
    mqtt('private address', { host: '10.0.0.1' }, 'mqttConfig.host'),
    mqtt('metadata address in decimal', { host: '2852039166' }, 'mqttConfig.host'),
    mqtt('link-local IPv6', { host: 'fe80::1' }, 'mqttConfig.host'),
    mqtt('no port', { port: undefined }, 'mqttConfig.port'),
    mqtt('port 0', { port: 0 }, 'mqttConfig.port'),
    mqtt('port 65536', { port: 65_536 }, 'mqttConfig.port'),
    mqtt('port as text', { port: '1883' }, 'mqttConfig.port'),
    mqtt('unknown protocol', { protocol: 'tcp' }, 'mqttConfig.protocol'),
    mqtt('unknown version', { protocolVersion: '3.1' }, 'mqttConfig.protocolVersion'),
    mqtt('clean as text', { clean: 'true' }, 'mqttConfig.clean'),
    mqtt('blank client id', { clientId: '' }, 'mqttConfig.clientId'),
    mqtt('blank username', { username: '' }, 'mqttConfig.username'),
    mqtt('password without username', { password: 'p' }, 'mqttConfig.username'),
    mqtt('password too long', { username: 'u', password: 'p'.repeat(1025) }, 'mqttConfig.password'),
    mqtt('certificate without key', { ...secure, certificate: PEM }, 'mqttConfig.privateKey'),
    mqtt('key without certificate', { ...secure, privateKey: PEM }, 'mqttConfig.certificate'),
    mqtt('certificate with mqtt', { certificate: PEM, privateKey: PEM }, 'mqttConfig.'),
    mqtt('CA with ws', { protocol: 'ws', caCertificate: PEM }, 'mqttConfig.caCertificate'),
    mqtt('password and certificate', { ...secure, username: 'u', password: 'p', certificate: PEM, privateKey: PEM }, 'mqttConfig.'),
    mqtt('template that does not parse', { host: '{{globals.host' }, 'mqttConfig.host'),
    mqtt('unknown helper', { host: '{{shout globals.host}}' }, 'mqttConfig.host'),
    mqtt('a mask where nothing is stored', { username: 'u', password: '********' }, 'mqttConfig.password'),
    other('sqs', 'no queue URL', { region: 'eu-west-1', accessKeyId: 'AKIA1234', secretAccessKey: 'secret' }, 'sqsConfig.queueUrl'),
    other(
      'sqs',
      'topics',
      { queueUrl: 'https://sqs.eu-west-1.amazonaws.com/1/q', region: 'eu-west-1', accessKeyId: 'AKIA1234', secretAccessKey: 'secret' },
      'topics',
      { topics: ['a'] },
    ),
    other(
      'sqs',
      'queue URL to metadata',
      { queueUrl: 'http://169.254.169.254/q', region: 'eu-west-1', accessKeyId: 'AKIA1234', secretAccessKey: 'secret' },
      'sqsConfig.queueUrl',
    ),
    other(
      'azureEventHub',
      'two Endpoint parts',
      {
        hubName: 'h',
        consumerGroup: '$Default',
        connectionString: 'Endpoint=sb://a.example/;Endpoint=sb://b.example/;SharedAccessKeyName=n;SharedAccessKey=k',
      },
      'azureEventHubConfig.connectionString',
    ),
    other('azureEventHub', 'no way to authenticate', { hubName: 'h', consumerGroup: '$Default' }, 'azureEventHubConfig.connectionString'),
    other('googlePubSub', 'key file that is no JSON', { keyJson: 'not json' }, 'googlePubSubConfig.keyJson'),
    other('googlePubSub', 'key file of another type', { keyJson: '{"type": "external_account"}' }, 'googlePubSubConfig.keyJson'),
    other('particle', 'no token', {}, 'particleConfig.accessToken'),
    other('particle', '* inside an event name', { accessToken: 't' }, 'topics[0]', { topics: ['a*b'] }),
    other('websocket', 'http URL', { url: 'http://example.com' }, 'websocketConfig.url'),
    other(
      'websocket',
      'header that clashes',
      { url: 'wss://example.com', username: 'u', password: 'p', headers: [{ headerKey: 'Authorization', headerValue: 'x' }] },
      'websocketConfig.headers[0].headerKey',
    ),
    other(
      'websocket',
      '51 headers',
      { url: 'wss://example.com', headers: Array.from({ length: 51 }, (_, i) => ({ headerKey: `h${i}`, headerValue: 'x' })) },
      'websocketConfig.headers',
    ),
    bad('integration: type in a PATCH, unchanged', 'PATCH', `${at}/${integration}`, { integrationType: 'mqtt' }, 'integrationType'),
    bad(
      'integration: PATCH without the required fields',
      'PATCH',
      `${at}/${integration}`,
      { mqttConfig: { host: '127.0.0.1' } },
      'mqttConfig.protocol',
    ),
    bad('integration: PATCH with null', 'PATCH', `${at}/${integration}`, { name: null }, 'name'),
    bad('integration: id of another tenant', 'GET', `${at}/${foreign}`, undefined, '', 404),
    bad('integration: PATCH of another tenant', 'PATCH', `${at}/${foreign}`, { name: 'mine' }, '', 404),
    bad('integration: DELETE of another tenant', 'DELETE', `${at}/${foreign}`, {}, '', 404),
    bad('integration: nobody', 'GET', `${at}/${NOBODY}`, undefined, '', 404),
    bad('integration: id that is none', 'GET', `${at}/nonsense`, undefined, '', 404),
    bad('integration: includeWorkflows=maybe', 'DELETE', `${at}/${integration}?includeWorkflows=maybe`, {}, 'includeWorkflows'),
    ...['page=-1', 'page=one', 'perPage=0', 'perPage=1001', 'sortField=colour', 'sortDirection=up', 'filterField=colour'].map((query) =>
      bad(`integration: list with ${query}`, 'GET', `${at}?${query}`, undefined, query.split('=')[0] ?? ''),
    ),
  ];
}

function flowCases(): Case[] {
  const at = `/applications/${app}/flows`;
  const node = (id: string, more: Record<string, unknown> = {}): Record<string, unknown> => ({
    id,
    type: 'DebugNode',
    config: {},
    ...more,
  });
  const post = (what: string, change: Record<string, unknown>, names: string, status = 400): Case =>
    bad(`flow: ${what}`, 'POST', at, { name: 'X', ...change }, names, status);
  const trigger = (change: Record<string, unknown>): Record<string, unknown> => ({
    type: 'integration',
    key: integration,
    config: {},
    ...change,
  });
  return [
    post('no name', { name: undefined }, 'name'),
    post('unknown property', { colour: 'red' }, 'colour'),
    post('nodes as an object', { nodes: {} }, 'nodes'),
    post('node without a type', { nodes: [{ id: 'a' }] }, 'nodes[0].type'),
    post('node with an unknown property', { nodes: [node('a', { colour: 'red' })] }, 'nodes[0].colour'),
    post('two nodes of one id', { nodes: [node('a'), node('a')] }, 'nodes[1]'),
    post('output to nowhere', { nodes: [node('a', { outputIds: [['b']] })] }, 'nodes[0].outputIds'),
    post('output to itself', { nodes: [node('a', { outputIds: [['a']] })] }, 'nodes[0].outputIds'),
    post('a cycle', { nodes: [node('a', { outputIds: [['b']] }), node('b', { outputIds: [['a']] })] }, 'nodes'),
    post('output id too long', { nodes: [node('a', { outputIds: [['x'.repeat(49)]] })] }, 'nodes[0].outputIds'),
    post('trigger to nowhere', { triggers: [trigger({ outputIds: [['nowhere']] })] }, 'triggers[0].outputIds'),
    post('trigger with an unknown property', { triggers: [trigger({ colour: 'red' })] }, 'triggers[0].colour'),
    post('trigger config with an unknown property', { triggers: [trigger({ config: { topic: 'a' } })] }, 'triggers[0].config.topic'),
    post('trigger flag as text', { triggers: [trigger({ config: { message: 'yes' } })] }, 'triggers[0].config.message'),
    post('unknown flow class', { flowClass: 'cloudy' }, 'flowClass'),
    post(
      'template that does not parse',
      {
        nodes: [
          node('a', { type: 'MqttMessageNode', config: { integrationId: integration, topicTemplate: '{{#if a}}', messageTemplate: '' } }),
        ],
      },
      'nodes[0].config.topicTemplate',
    ),
    post(
      'expression that does not parse',
      { nodes: [node('a', { type: 'ConditionalNode', config: { expression: '{{a}} ===' }, outputIds: [[], []] })] },
      'nodes[0].config.expression',
    ),
    post('101 globals', { globals: Array.from({ length: 101 }, (_, i) => ({ key: `k${i}`, json: '1' })) }, 'globals'),
    post('global that is no JSON', { globals: [{ key: 'k', json: 'not json' }] }, 'globals[0].json'),
    post(
      'aggregate beyond 512 KB',
      { nodes: Array.from({ length: 25 }, (_, i) => node(`n${i}`, { config: { message: 'm'.repeat(24_000) } })) },
      '',
      413,
    ),
    bad('flow: flowClass in a PATCH', 'PATCH', `${at}/${flow}`, { flowClass: 'cloud' }, 'flowClass'),
    bad('flow: press without a key', 'POST', `${at}/${flow}/virtualButton`, {}, 'key'),
    bad('flow: press of an unknown button', 'POST', `${at}/${flow}/virtualButton`, { key: 'other' }, 'key'),
    bad('flow: press with an unknown property', 'POST', `${at}/${flow}/virtualButton`, { key: 'press', colour: 'red' }, 'colour'),
    bad('flow: nobody', 'GET', `${at}/${NOBODY}`, undefined, '', 404),
    bad('flow: triggerFilter that is no JSON', 'GET', `${at}?triggerFilter={`, undefined, 'triggerFilter'),
  ];
}

function otherCases(): Case[] {
  const at = `/applications/${app}`;
  const raw = (what: string, text: string, type: string, status: number): Case => ({
    what,
    method: 'POST',
    path: `${at}/integrations`,
    raw: { type, text },
    status,
  });
  return [
    bad('application: no name', 'POST', '/applications', {}, 'name'),
    bad('application: unknown property', 'POST', '/applications', { name: 'X', colour: 'red' }, 'colour'),
    bad('application: negative limit', 'PATCH', at, { limits: { messagesPerSecond: -1 } }, 'limits.messagesPerSecond'),
    bad('application: unknown period', 'PATCH', at, { limits: { period: 'week' } }, 'limits.period'),
    bad('application: nobody', 'GET', `/applications/${NOBODY}`, undefined, '', 404),
    bad('application: id that is none', 'GET', '/applications/..%2f..%2fetc', undefined, '', 404),
    bad('globals: key with a space', 'PATCH', `${at}/globals`, [{ key: 'a b', json: '1' }], '[0].key'),
    bad('globals: json as a number', 'PATCH', `${at}/globals`, [{ key: 'a', json: 1 }], '[0].json'),
    bad('globals: text that is no JSON', 'PATCH', `${at}/globals`, [{ key: 'a', json: '{' }], '[0].json'),
    bad('globals: an object', 'PATCH', `${at}/globals`, { key: 'a', json: '1' }, 'body'),
    bad(
      'globals: a repeated key',
      'PATCH',
      `${at}/globals`,
      [
        { key: 'a', json: '1' },
        { key: 'a', json: '2' },
      ],
      '[1]',
    ),
    bad('token: unknown scope', 'POST', `${at}/tokens`, { name: 'T', scope: ['everything'] }, 'scope[0]'),
    bad('token: expiration that is no date', 'POST', `${at}/tokens`, { name: 'T', expirationDate: 'tomorrow' }, 'expirationDate'),
    bad('token: scope in a PATCH', 'PATCH', `${at}/tokens/${NOBODY}`, { scope: ['all.Application'] }, '', 400),
    bad('payload counts: start that is no number', 'GET', `${at}/payloadCounts?start=yesterday`, undefined, 'start'),
    bad('dead letters: nobody', 'POST', `${at}/deadLetters/999999999/replay`, {}, '', 404),
    bad('activity: unknown kind', 'GET', `${at}/activity?kind=gossip`, undefined, 'kind'),
    bad('runs: unknown status', 'GET', `${at}/runs?status=maybe`, undefined, 'status'),
    bad('no such page', 'GET', '/nonsense', undefined, '', 404),
    raw('JSON that is cut off', '{"name": "X"', 'application/json', 400),
    raw('JSON with a comma too many', '{"name": "X",}', 'application/json', 400),
    raw('an empty body', '', 'application/json', 400),
    raw('a list for an object', '[]', 'application/json', 400),
    raw('a text for an object', '"name"', 'application/json', 400),
    raw('null for an object', 'null', 'application/json', 400),
    raw('bytes that are no UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0xfe]).toString('latin1'), 'application/json', 400),
    raw('a form', 'name=X', 'application/x-www-form-urlencoded', 415),
    raw('XML', '<name/>', 'application/xml', 415),
    raw('a body over the limit', `{"name": "${'x'.repeat(2_000_000)}"}`, 'application/json', 413),
    raw(
      '__proto__ in the body',
      '{"name": "X", "integrationType": "mqtt", "mqttConfig": {"protocol": "mqtt", "host": "127.0.0.1", "port": 1883, "__proto__": {"admin": true}}}',
      'application/json',
      400,
    ),
  ];
}

it('promise 21: each bad input is answered by its 4xx, naming the field, and changes nothing', { timeout: 120_000 }, async () => {
  const cases = [...integrationCases(), ...flowCases(), ...otherCases()];
  const before = JSON.stringify([
    await product.call('GET', `/applications/${app}/integrations`),
    await product.call('GET', `/applications/${app}/flows`),
  ]);
  const wrong: string[] = [];
  for (const { what, method, path, body, raw, status, names = '' } of cases) {
    const text = raw === undefined ? (body === undefined ? undefined : JSON.stringify(body)) : raw.text;
    const answer = await fetch(product.url + path, {
      method,
      headers: {
        authorization: `Bearer ${product.adminToken}`,
        ...(text === undefined ? {} : { 'content-type': raw?.type ?? 'application/json' }),
      },
      ...(text === undefined ? {} : { body: text }),
    });
    const read = (await answer.json().catch(() => ({}))) as { type?: string; message?: string };
    const right =
      answer.status === status && typeof read.type === 'string' && typeof read.message === 'string' && read.message.includes(names);
    if (!right) wrong.push(`${what}: ${answer.status} (${status} expected) ${JSON.stringify(read).slice(0, 300)} should name ${names}`);
  }
  const after = JSON.stringify([
    await product.call('GET', `/applications/${app}/integrations`),
    await product.call('GET', `/applications/${app}/flows`),
  ]);
  recordFigure({
    promise: 21,
    what: `${cases.length} bad inputs: API, templates, settings of providers`,
    figure: `${cases.length - wrong.length} of ${cases.length} answered by the documented 4xx naming the field; ${after === before ? 'nothing' : 'SOMETHING'} changed`,
    holds: wrong.length === 0 && after === before,
  });
  expect(cases.length).toBeGreaterThanOrEqual(100);
  expect(wrong).toEqual([]);
  expect(after).toBe(before);
});
