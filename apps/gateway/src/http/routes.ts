import { OPERATIONS } from '#lib/contracts';

const SYSTEM = ['/', '/openapi.json', '/healthz', '/readyz', '/metrics'];

const routes = OPERATIONS.map(({ method, path }) => ({ method, segments: path.split('/') }));

/** The methods a path answers to; empty when there is no such path. */
export function allowedMethods(path: string): string[] {
  if (SYSTEM.includes(path)) return ['GET', 'HEAD', 'OPTIONS'];
  const segments = path.split('/');
  const methods = routes
    .filter((route) => route.segments.length === segments.length && route.segments.every((part, at) => fits(part, segments[at] ?? '')))
    .map(({ method }) => method);
  if (methods.length === 0) return [];
  return [...new Set([...methods, ...(methods.includes('GET') ? ['HEAD'] : []), 'OPTIONS'])];
}

const fits = (part: string, segment: string): boolean => (part.startsWith(':') ? segment.length > 0 : part === segment);
