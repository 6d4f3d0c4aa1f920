import type { Budget } from '../budget.ts';
import { own, toNumber, toText } from '../values.ts';
import type { InlineHelper } from './types.ts';

interface Point {
  readonly latitude: number;
  readonly longitude: number;
}

const inRange = (latitude: number, longitude: number): Point | undefined =>
  Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180 ? { latitude, longitude } : undefined;

/** One coordinate as text: decimal, `40° 26' 46" N`, or a GGA sentence's `ddmm.mmm,N`. */
function degrees(text: string): number {
  const parts =
    /^([+-]?\d{1,3}(?:\.\d{1,15})?)°?\s*(?:(\d{1,2}(?:\.\d{1,15})?)['′]\s*(?:(\d{1,2}(?:\.\d{1,15})?)["″]\s*)?)?([NSEW])?$/i.exec(text);
  if (parts === null) return Number.NaN;
  const whole = Number(parts[1]);
  const size = Math.abs(whole) + Number(parts[2] ?? 0) / 60 + Number(parts[3] ?? 0) / 3600;
  return whole < 0 || /[SW]/i.test(parts[4] ?? '') ? -size : size;
}

function gga(parts: readonly string[]): Point | undefined {
  const [latitude = '', northSouth = '', longitude = '', eastWest = ''] = parts;
  if (!/^\d{4}(\.\d{1,15})?$/.test(latitude) || !/^\d{5}(\.\d{1,15})?$/.test(longitude)) return undefined;
  const read = (text: string, digits: number, negative: boolean): number =>
    (negative ? -1 : 1) * (Number(text.slice(0, digits)) + Number(text.slice(digits)) / 60);
  return inRange(read(latitude, 2, /^S$/i.test(northSouth)), read(longitude, 3, /^W$/i.test(eastWest)));
}

/** `"lat,lon"` in any of the formats that formatGps writes, [lat, lon], or an object with lat/latitude and lon/lng/longitude. */
function toPoint(value: unknown, budget: Budget): Point | undefined {
  if (Array.isArray(value)) return inRange(toNumber(value[0]), toNumber(value[1]));
  if (typeof value === 'object' && value !== null)
    return inRange(
      toNumber(own(value, 'latitude') ?? own(value, 'lat')),
      toNumber(own(value, 'longitude') ?? own(value, 'lng') ?? own(value, 'lon')),
    );
  const text = toText(value, budget);
  if (text.length > 128) return undefined;
  const parts = text.split(',').map((part) => part.trim());
  if (parts.length === 4) return gga(parts);
  return parts.length === 2 ? inRange(degrees(parts[0] ?? ''), degrees(parts[1] ?? '')) : undefined;
}

function sexagesimal(value: number, letters: string, digits: number): string {
  const scale = 10 ** digits;
  const total = Math.round(Math.abs(value) * 3600 * scale);
  const seconds = (total % (60 * scale)) / scale;
  const minutes = Math.floor(total / (60 * scale)) % 60;
  return `${Math.floor(total / (3600 * scale))}° ${minutes}' ${seconds}" ${letters[value < 0 ? 1 : 0] ?? ''}`;
}

function ggaPart(value: number, width: number, letters: string, digits: number): string {
  const scale = 10 ** digits;
  const total = Math.round(Math.abs(value) * 60 * scale);
  const minutes = ((total % (60 * scale)) / scale).toFixed(digits).padStart(digits === 0 ? 2 : digits + 3, '0');
  return `${String(Math.floor(total / (60 * scale))).padStart(width, '0')}${minutes},${letters[value < 0 ? 1 : 0] ?? ''}`;
}

/** Formats: decimal (default), degrees, sexagesimal, gga; the precision is in decimal places (0–15, default 6). What is no place is left as it is. */
function formatGps([value, format, precision]: readonly unknown[], budget: Budget): string {
  const point = toPoint(value, budget);
  if (point === undefined) return toText(value, budget);
  const wanted = precision === undefined || precision === null ? 6 : Math.trunc(toNumber(precision));
  const digits = Math.min(15, Math.max(0, Number.isNaN(wanted) ? 6 : wanted));
  const { latitude, longitude } = point;
  const rounded = (number: number): number => Number(number.toFixed(digits));
  switch (toText(format, budget).toLowerCase()) {
    case 'degrees': {
      const one = (number: number, letters: string): string => `${rounded(Math.abs(number))}° ${letters[number < 0 ? 1 : 0] ?? ''}`;
      return `${one(latitude, 'NS')}, ${one(longitude, 'EW')}`;
    }
    case 'sexagesimal':
      return `${sexagesimal(latitude, 'NS', Math.min(digits, 9))}, ${sexagesimal(longitude, 'EW', Math.min(digits, 9))}`;
    case 'gga':
      return `${ggaPart(latitude, 2, 'NS', Math.min(digits, 9))},${ggaPart(longitude, 3, 'EW', Math.min(digits, 9))}`;
    default:
      return `${rounded(latitude)},${rounded(longitude)}`;
  }
}

/** Mean radius of the earth in metres (IUGG). */
const EARTH = 6_371_008.8;

/** Metres along the great circle. */
function distance(a: Point, b: Point): number {
  const radians = Math.PI / 180;
  const half = (from: number, to: number): number => Math.sin(((to - from) * radians) / 2) ** 2;
  const chord =
    half(a.latitude, b.latitude) + Math.cos(a.latitude * radians) * Math.cos(b.latitude * radians) * half(a.longitude, b.longitude);
  return 2 * EARTH * Math.asin(Math.min(1, Math.sqrt(chord)));
}

/** By counting crossings, on a flat map: polygons that cross the 180th meridian are not understood. */
function isInside(point: Point, polygon: readonly Point[]): boolean {
  let inside = false;
  for (let i = 0; i < polygon.length; i++) {
    const [from, to] = [polygon[i], polygon[(i + 1) % polygon.length]];
    if (from === undefined || to === undefined || from.latitude > point.latitude === to.latitude > point.latitude) continue;
    const share = (point.latitude - from.latitude) / (to.latitude - from.latitude);
    if (point.longitude < from.longitude + share * (to.longitude - from.longitude)) inside = !inside;
  }
  return inside;
}

export const GPS: Readonly<Record<string, InlineHelper>> = {
  formatGps: (args, _hash, { budget }) => formatGps(args, budget),
  /** Undefined when one of them is no place. */
  gpsDistance: ([a, b], _hash, { budget }) => {
    const [from, to] = [toPoint(a, budget), toPoint(b, budget)];
    return from === undefined || to === undefined ? undefined : distance(from, to);
  },
  /** Undefined when the point is no place or the polygon has fewer than three. */
  gpsIsPointInside: ([place, polygon], _hash, { budget }) => {
    const point = toPoint(place, budget);
    if (point === undefined || !Array.isArray(polygon)) return undefined;
    budget.spend(polygon.length);
    const corners = polygon.map((corner) => toPoint(corner, budget)).filter((corner) => corner !== undefined);
    return corners.length < 3 ? undefined : isInside(point, corners);
  },
};
