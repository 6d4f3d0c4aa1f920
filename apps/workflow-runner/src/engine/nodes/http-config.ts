import { validateHeaderName } from 'node:http';
import { z } from 'zod';
import { path, requiredTemplate, template } from './config.ts';
import { errorFields, needsErrorPath } from './error-behavior.ts';

const MAX_ROWS = 1_000;

const flag = z.boolean('must be true or false').default(false);
const rows = <T extends z.ZodType>(row: T) =>
  z.array(row, 'must be a list').max(MAX_ROWS, `must have at most ${MAX_ROWS} entries`).default([]);
const isHeader = (name: string): boolean => {
  try {
    validateHeaderName(name);
    return true;
  } catch {
    return false;
  }
};

export const HttpConfig = z
  .looseObject({
    uriTemplate: requiredTemplate,
    method: z.enum(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD'], 'must be GET, POST, PUT, PATCH, DELETE or HEAD').default('GET'),
    /** `url`: what stands at the address that bodyTemplate is. `diskPath` is of edge devices; here it is text like `string`. */
    bodyType: z
      .enum(
        ['string', 'multipart', 'urlencoded', 'none', 'url', 'jsonTemplate', 'diskPath'],
        'must be string, multipart, urlencoded, none, url or jsonTemplate',
      )
      .default('string'),
    bodyTemplate: template,
    bodyFields: rows(z.looseObject({ keyTemplate: requiredTemplate, valueTemplate: template })),
    requestEncodingTemplate: template,
    encodingTemplate: template,
    headerInfo: rows(z.looseObject({ key: z.string('is required').refine(isHeader, "must be a header's name"), valueTemplate: template })),
    authType: z.enum(['none', 'basic', 'clientCert', 'credential'], 'must be none, basic, clientCert or credential').default('none'),
    authCredentials: z
      .looseObject({ usernameTemplate: template, passwordTemplate: template, keyTemplate: template, certTemplate: template })
      .prefault({}),
    credentialNameTemplate: template,
    caCertTemplate: template,
    disableSSLVerification: flag,
    disableRedirects: flag,
    timeoutTemplate: template,
    responsePath: path,
    ...errorFields,
  })
  .superRefine(needsErrorPath);
export type HttpConfig = z.infer<typeof HttpConfig>;
