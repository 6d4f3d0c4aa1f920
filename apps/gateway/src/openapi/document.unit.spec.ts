import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { OPERATIONS } from '#lib/contracts';
import { openApiDocument } from './document.ts';

const document = openApiDocument();
const COMMITTED = join(import.meta.dirname, '..', '..', '..', '..', 'docs', 'openapi.json');

describe('the OpenAPI document', () => {
  it('has every operation once, each with its scope', () => {
    const described = Object.values(document.paths).flatMap(
      (item) => Object.values(item) as { operationId: string; description: string }[],
    );
    expect(described.map(({ operationId }) => operationId).toSorted()).toEqual(OPERATIONS.map(({ id }) => id).toSorted());
    expect(described.every(({ description }) => description.startsWith('Needs the scope'))).toBe(true);
  });

  it('refers only to what it has, and names every path parameter', () => {
    const text = JSON.stringify(document);
    const references = new Set([...text.matchAll(/"\$ref":"#\/components\/(\w+)\/(\w+)"/g)].map(([, group, name]) => `${group}/${name}`));
    const { schemas, responses } = document.components as Record<string, Record<string, unknown>>;
    const present = new Set([
      ...Object.keys(schemas ?? {}).map((name) => `schemas/${name}`),
      ...Object.keys(responses ?? {}).map((name) => `responses/${name}`),
    ]);
    expect([...references].filter((reference) => !present.has(reference))).toEqual([]);
    expect(references.size).toBeGreaterThan(30);
    expect(text).not.toContain('$defs');
    for (const [path, item] of Object.entries(document.paths)) {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      for (const { parameters } of Object.values(item) as { parameters: { in: string; name: string }[] }[])
        expect(parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name)).toEqual(inPath);
    }
  });

  it("describes each type's configuration from its definition", () => {
    const { schemas } = document.components as {
      schemas: Record<string, { properties: Record<string, { $ref?: string; maxLength?: number }> }>;
    };
    expect(schemas['IntegrationPost']?.properties['mqttConfig']).toEqual({ $ref: '#/components/schemas/MqttConfig' });
    expect(schemas['MqttConfig']?.properties['clientId']).toMatchObject({ maxLength: 1024 });
  });

  it('is the one in docs/openapi.json; `npm run docs` renews it', () => {
    expect(JSON.parse(readFileSync(COMMITTED, 'utf8'))).toEqual(JSON.parse(JSON.stringify(document)));
  });
});
