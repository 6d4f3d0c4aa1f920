import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InboundType } from '#lib/contracts';
import { aChange, anInbound, aTriggered } from '../testing/builders.ts';
import { MAX_ATTRIBUTE_BYTES } from './attributes.ts';
import { decodeConfig, encodeConfig } from './config.ts';
import { decodeValue, encodeValue, HeaderBlock, HeaderLines, headersOf, parseHeaders, statusOf } from './headers.ts';
import { decodeInbound, encodeInbound } from './inbound.ts';
import { decodeTriggered, encodeTriggered } from './triggered.ts';

const anyText = fc.string({ unit: 'binary', maxLength: 200 });
const anyJson = fc.dictionary(anyText, fc.jsonValue()).map((value) => JSON.parse(JSON.stringify(value)) as Record<string, unknown>);
const whole = fc.nat();

describe('header values', () => {
  it('come back as they were, and hold nothing but printable ASCII on the wire', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const encoded = encodeValue(text);
        expect(encoded).toMatch(/^[\x21\x23-\x7e]*$/);
        expect(decodeValue(encoded)).toBe(text.replaceAll(/\p{Surrogate}/gu, '\uFFFD'));
      }),
    );
  });

  it('turn a lone surrogate into the replacement character instead of failing', () => {
    expect(decodeValue(encodeValue('a\uD800b'))).toBe('a\uFFFDb');
  });

  it('never add a header, whatever they hold', () => {
    fc.assert(
      fc.property(fc.array(anyText, { maxLength: 5 }), (values) => {
        const block = new HeaderBlock();
        for (const [n, value] of values.entries()) block.set(`h-${n}`, `${value}\r\nNats-Rollup: all\r\n\r\n${value}`);
        expect(Object.keys(parseHeaders(block.bytes()))).toEqual(values.map((_, n) => `h-${n}`));
      }),
    );
  });
});

describe('header blocks', () => {
  it('are read whatever bytes they are, without throwing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const block = Buffer.from(bytes);
        expect(parseHeaders(block)).toBeTypeOf('object');
        expect(statusOf(block).code).toBeTypeOf('number');
      }),
    );
  });

  it('have each header found in any order, whole names only', () => {
    const lines = new HeaderLines(new HeaderBlock().set('a', '1').set('ab', 'x y').number('b', 3).bytes());
    const wanted = ['b', 'a', 'ab', 'b', 'c', 'ab', 'a', ''] as const;
    expect(wanted.map((name) => lines.get(name))).toEqual(['3', '1', 'x%20y', '3', undefined, 'x%20y', '1', undefined]);
    expect(new HeaderLines(Buffer.from('NATS/1.0\r\na: cut')).get('a')).toBe('cut');
    expect(new HeaderLines(Buffer.alloc(0)).get('a')).toBeUndefined();
  });

  it('tell a status from headers', () => {
    expect(statusOf(Buffer.from('NATS/1.0 503\r\n\r\n'))).toEqual({ code: 503, description: '' });
    expect(statusOf(Buffer.from('NATS/1.0 409 Consumer Deleted\r\nx: y\r\n\r\n'))).toEqual({ code: 409, description: 'Consumer Deleted' });
    expect(statusOf(new HeaderBlock().set('a', 'b').bytes()).code).toBe(0);
  });
});

describe('events', () => {
  it('inbound: come back as they were published', () => {
    const events = fc.record({
      type: fc.constantFrom(...InboundType.options),
      id: anyText,
      time: anyText,
      number: whole,
      configSequence: whole,
      attributes: anyJson,
      body: fc.uint8Array(),
    });
    fc.assert(
      fc.property(events, (over) => {
        const event = anInbound(over);
        const { block, body } = encodeInbound(event);
        const subject = `inbound.1.${event.applicationId}.${event.sourceId}`;
        expect(decodeInbound(subject, new HeaderLines(block.bytes()), body)).toEqual(event);
      }),
    );
  });

  it('inbound: attributes of any length leave the headers below their bound', () => {
    const events = fc.tuple(fc.integer({ min: 0, max: 3 * MAX_ATTRIBUTE_BYTES }), fc.constantFrom('a', '"', 'ü', '\u{1F600}', '\n'));
    fc.assert(
      fc.property(events, ([length, character]) => {
        const event = anInbound({ attributes: { long: character.repeat(length) } });
        const { block, body } = encodeInbound(event);
        const header = block.bytes();
        expect(header.length).toBeLessThan(MAX_ATTRIBUTE_BYTES + 1_024);
        const decoded = decodeInbound(`inbound.1.${event.applicationId}.${event.sourceId}`, new HeaderLines(header), body);
        expect(decoded.attributes['long'] === event.attributes['long']).toBe(true);
        expect(Buffer.from(decoded.body).equals(event.body)).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it('triggered: come back as they were published', () => {
    const events = fc.record({
      triggerType: anyText,
      triggerKey: anyText,
      inboundSequence: whole,
      decidedAt: whole,
      body: fc.uint8Array(),
    });
    fc.assert(
      fc.property(events, anyJson, (over, attributes) => {
        const event = aTriggered(over);
        event.inbound.attributes = attributes;
        const { block, body } = encodeTriggered(event);
        const subject = `triggered.1.${event.applicationId}.${event.workflowId}`;
        expect(decodeTriggered(subject, new HeaderLines(block.bytes()), body)).toEqual(event);
      }),
    );
  });

  it('configuration: come back as they were published, deletions without a state', () => {
    for (const change of [aChange({ event: 'Größer' }), aChange({ state: null })]) {
      const { block, body } = encodeConfig(change);
      const subject = `config.application.-.${change.applicationId}.${change.id}`;
      expect(decodeConfig(subject, new HeaderLines(block.bytes()), body)).toEqual(change);
    }
  });

  it('say what is wrong without quoting a provider', () => {
    const headers = parseHeaders(encodeInbound(anInbound()).block.bytes());
    const decode = (over: Record<string, string>) => () =>
      decodeInbound('inbound.1.a.b', headersOf({ ...headers, ...over }), Buffer.from('secret'));
    expect(decode({ 'ce-attributes': 'secret' })).toThrow('attributes are not JSON');
    expect(decode({ 'ce-attributes': '%5B%5D' })).toThrow('attributes are not a JSON object');
    expect(decode({ 'ce-type': 'secret' })).toThrow('ce-type is no inbound type');
    expect(decode({ 'ce-number': '-1' })).toThrow('header ce-number is not a whole number');
    expect(decode({ 'ce-id': '%' })).toThrow(URIError);
    expect(() => decodeInbound('inbound.1', headersOf(headers), Buffer.alloc(0))).toThrow('the subject names no source');
  });
});
