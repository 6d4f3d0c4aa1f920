import type { FieldMarks } from '#lib/connector-sdk';
import type { FieldIssue } from '#lib/contracts';
import { z } from 'zod';

/** How a sealed secret reads back: long enough for every field's limits, legal in a header. Sent back in a PATCH it keeps what is stored. */
export const MASK = '********';

/** True for a value with template parts: its final text is only known when the connector renders it. */
export const isTemplate = (value: unknown): boolean => typeof value === 'string' && value.includes('{{');

/** A text field with its limits in characters and its marks. */
export const text = (min: number, max: number, marks: FieldMarks): z.ZodString =>
  z
    .string()
    .min(min)
    .max(max)
    .meta({ ...marks });

/** PEM text of a private key or certificate. */
export const pem = (marks: FieldMarks): z.ZodString => text(4, 32_767, { template: true, ...marks });

export const flag = (marks: FieldMarks): z.ZodBoolean => z.boolean().meta({ ...marks });

export const has = (config: Readonly<Record<string, unknown>>, ...fields: string[]): boolean =>
  fields.some((field) => config[field] !== undefined);

/** Collects the issues of one configuration object; paths start at its name on the wire. */
export class Rules {
  readonly issues: FieldIssue[] = [];
  constructor(
    private readonly at: string,
    private readonly config: Readonly<Record<string, unknown>>,
  ) {}

  refuse(field: string | readonly (string | number)[], message: string): void {
    this.issues.push({ path: [this.at, ...(typeof field === 'string' ? [field] : field)], message });
  }

  /** Each of `fields` needs all the others. */
  together(fields: readonly string[]): void {
    if (!has(this.config, ...fields)) return;
    for (const field of fields)
      if (!has(this.config, field))
        this.refuse(field, `is required together with ${fields.filter((other) => has(this.config, other)).join(' and ')}`);
  }

  /** None of `fields` goes with `reason`. */
  none(fields: readonly string[], reason: string): void {
    for (const field of fields) if (has(this.config, field)) this.refuse(field, reason);
  }
}

/** Why a text is no plain host name or address; undefined when it is one. Whether it may be reached is for the egress guard to say. */
export function hostIssue(host: string): string | undefined {
  const bare = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
  if (/^[0-9a-fA-F:.]+$/.test(bare) && bare.split(':').length > 2)
    return URL.canParse(`http://[${bare}]/`) ? undefined : 'is not a valid IPv6 address';
  // eslint-disable-next-line no-control-regex
  if (/[\s\u0000-\u001f\u007f/\\?#@:%[\]<>^|"]/.test(host)) return 'must be a host name or an IP address, without protocol, port or path';
  return URL.canParse(`http://${host}/`) ? undefined : 'must be a host name or an IP address';
}

/** The host of a URL with one of these protocols; undefined when it is none. */
export function hostOfUrl(url: string, protocols: readonly string[]): string | undefined {
  if (!URL.canParse(url)) return undefined;
  const parsed = new URL(url);
  return protocols.includes(parsed.protocol.slice(0, -1)) && parsed.hostname !== '' ? parsed.hostname : undefined;
}
