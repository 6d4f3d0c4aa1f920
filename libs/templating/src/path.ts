import { TemplateError } from './error.ts';
import { own } from './values.ts';

/** Longest path, in characters, and the most segments it may have. */
const MAX_PATH = 4096;
const MAX_SEGMENTS = 256;

/** Segments of a payload path: `a.b`, `a.[0]`, `a.[key with space]`, `a[0]`; a lone `.` = []. Undefined when it is no path. */
export function parsePath(path: string): readonly string[] | undefined {
  const source = path.trim();
  if (source === '.') return [];
  if (source === '' || source.length > MAX_PATH) return undefined;
  const segments: string[] = [];
  let at = 0;
  while (at < source.length) {
    let end: number;
    if (source[at] === '[') {
      end = source.indexOf(']', at);
      if (end === -1) return undefined;
      segments.push(source.slice(at + 1, end));
      end += 1;
    } else {
      end = at;
      while (end < source.length && source[end] !== '.' && source[end] !== '[') end += 1;
      const segment = source.slice(at, end);
      if (segment === '' || /[{}\]]/.test(segment)) return undefined;
      segments.push(segment);
    }
    if (segments.length > MAX_SEGMENTS) return undefined;
    if (end === source.length) return segments;
    if (source[end] === '.') end += 1;
    else if (source[end] !== '[') return undefined;
    at = end;
  }
  return undefined; // it ends in a dot
}

function segmentsOf(path: string): readonly string[] {
  const segments = parsePath(path);
  if (segments === undefined) throw new TemplateError('syntax', 'is not a payload path');
  return segments;
}

/** The value at a path; own properties only; a missing link gives undefined; strings index too. */
export function getPath(payload: unknown, path: string): unknown {
  const segments = parsePath(path);
  if (segments === undefined) return undefined;
  let value = payload;
  for (const segment of segments) value = own(value, segment);
  return value;
}

/** A shallow copy in which what is made on demand (a run's `data`) stays so. */
function copyOf(target: object): Record<string, unknown> {
  const copy: Record<string, unknown> = {};
  for (const key of Object.keys(target)) {
    const property = Object.getOwnPropertyDescriptor(target, key);
    if (property?.get === undefined && key !== '__proto__') copy[key] = property?.value;
    else Object.defineProperty(copy, key, { ...property, configurable: true, ...(property?.get === undefined ? { writable: true } : {}) });
  }
  return copy;
}

/** Sets a property of our own copy, a getter's too. */
const put = (copy: Record<string, unknown>, key: string, value: unknown): void =>
  void Object.defineProperty(copy, key, { value, enumerable: true, configurable: true, writable: true });

const isIndex = (segment: string): boolean => /^(0|[1-9]\d{0,5})$/.test(segment);

function setAt(target: unknown, segments: readonly string[], at: number, value: unknown): unknown {
  const segment = segments[at];
  if (segment === undefined) return value;
  if (Array.isArray(target)) {
    if (!isIndex(segment)) throw new TemplateError('syntax', `segment ${at + 1} of the path is no index of a list`);
    const copy: unknown[] = [...(target as readonly unknown[])];
    const index = Number(segment);
    while (copy.length < index) copy.push(null); // no holes: JSON has none
    copy[index] = setAt(copy[index], segments, at + 1, value);
    return copy;
  }
  const copy = typeof target === 'object' && target !== null && !(target instanceof Date) ? copyOf(target) : {};
  put(copy, segment, at === segments.length - 1 ? value : setAt(own(copy, segment), segments, at + 1, value));
  return copy;
}

/**
 * Returns the payload with the value set at the path: copies what it changes (copy on write), makes missing objects; a link that is no object or list is replaced
 * by an object. TemplateError `syntax` when it is no path, names `__proto__`, or names no index where a list stands (indexes up to 999,999).
 */
export function setPath(payload: unknown, path: string, value: unknown): unknown {
  const segments = segmentsOf(path);
  if (segments.includes('__proto__')) throw new TemplateError('syntax', 'a path may not name __proto__');
  return setAt(payload, segments, 0, value);
}

function removeAt(target: unknown, segments: readonly string[], at: number): unknown {
  const segment = segments[at];
  if (segment === undefined || typeof target !== 'object' || target === null || !Object.hasOwn(target, segment)) return target;
  const last = at === segments.length - 1;
  if (Array.isArray(target)) {
    if (!isIndex(segment)) return target;
    const index = Number(segment);
    if (last) return target.toSpliced(index, 1) as unknown;
    const inner = removeAt(target[index], segments, at + 1);
    return inner === target[index] ? target : (target.with(index, inner) as unknown);
  }
  const fields = target as Record<string, unknown>;
  if (!last) {
    const inner = removeAt(fields[segment], segments, at + 1);
    if (inner === fields[segment]) return target;
    const copy = copyOf(fields);
    put(copy, segment, inner);
    return copy;
  }
  const copy = copyOf(fields);
  delete copy[segment];
  return copy;
}

/** Returns the payload without what stands at the path (`.`: without anything, undefined); unchanged when there is nothing. An entry of a list is cut out. */
export function removePath(payload: unknown, path: string): unknown {
  const segments = segmentsOf(path);
  return segments.length === 0 ? undefined : removeAt(payload, segments, 0);
}
