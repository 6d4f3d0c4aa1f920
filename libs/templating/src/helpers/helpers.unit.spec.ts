import { describe, expect, it } from 'vitest';
import { render, renderValue } from '../index.ts';
import { HELPERS } from './index.ts';

const NOW = Date.UTC(2024, 1, 29, 12, 30, 5);
const context = {
  s: 'Hello wORLD',
  list: [3, 1, 2],
  nested: { a: 1, b: [1, 2], c: undefined },
  date: new Date(NOW),
  iso: '2024-02-29T12:30:05.000Z',
  rows: [
    { key: 'a', value: 1, id: { n: 'x' }, label: 'first' },
    { key: 'b', value: 2, id: { n: 'y' }, label: 'second' },
  ],
  gps: '51.5,-0.125',
  square: ['0,0', '0,10', '10,10', '10,0'],
  html: [
    {
      type: 'element',
      tagName: 'p',
      attributes: [{ key: 'class', value: 'a"b' }, { key: 'hidden' }, { key: 'x y', value: 1 }],
      children: [{ type: 'text', content: '1 < 2' }],
    },
    { type: 'element', tagName: 'br', children: [] },
    { type: 'comment', content: ' c ' },
    { type: 'element', tagName: 'p><script', children: [{ type: 'text', content: 'z' }] },
  ],
};

const cases: readonly (readonly [template: string, value: unknown])[] = [
  ['{{add 1 "2"}}', 3],
  ['{{subtract 5 2}}', 3],
  ['{{multiply 2.5 4}}', 10],
  ['{{divide 1 4}}', 0.25],
  ['{{add missing 1}}', Number.NaN],
  ['{{ceil 1.2}}', 2],
  ['{{floor -1.2}}', -2],
  ['{{max 1 "7"}}', 7],
  ['{{min 1 7}}', 1],
  ['{{scaleLinear 0 10 0 100 5}}', 50],
  ['{{scaleLinear 0 10 100 0 12}}', -20],
  ['{{upper s}}', 'HELLO WORLD'],
  ['{{lower s}}', 'hello world'],
  ['{{titleCase s}}', 'Hello World'],
  ['{{trim "  a "}}', 'a'],
  [
    '{{typeof s}}{{typeof 1}}{{typeof true}}{{typeof null}}{{typeof missing}}{{typeof list}}{{typeof nested}}{{typeof date}}',
    'stringnumberbooleannullundefinedarrayobjectdate',
  ],
  ['{{length s}}', 11],
  ['{{length list}}', 3],
  ['{{length nested}}', 3],
  ['{{length 5}}', undefined],
  ['{{substring s 6}}', 'wORLD'],
  ['{{substring s 0 5}}', 'Hello'],
  ['{{substring s -5}}', 'wORLD'],
  ['{{join list}}', '3,1,2'],
  ['{{join list " - "}}', '3 - 1 - 2'],
  ['{{defaultTo missing "x"}}{{defaultTo "" "y"}}{{defaultTo null "z"}}{{defaultTo 0 "w"}}', 'xyz0'],
  ['{{encodeURIComponent "a b/ü"}}', 'a%20b%2F%C3%BC'],
  ['{{decodeURIComponent "a%20b%2F"}}', 'a b/'],
  ['{{decodeURIComponent "%E0%A4%A"}}', undefined],
  ['{{encodeURI "http://x/a b"}}', 'http://x/a%20b'],
  ['{{decodeURI "a%20b"}}', 'a b'],
  ['{{encodeBase64 "hü"}}', 'aMO8'],
  ['{{decodeBase64 "aMO8"}}', 'hü'],
  ['{{queryStringEncode nested}}', 'a=1&b=1&b=2'],
  ['{{queryStringEncode (obj q="a b&c" o=(obj x=1))}}', 'q=a%20b%26c&o=%7B%22x%22%3A1%7D'],
  ['{{jsonEncode nested}}', '{"a":1,"b":[1,2]}'],
  ['{{jsonEncode list " "}}', '[\n 3,\n 1,\n 2\n]'],
  ['{{jsonEncode missing}}', ''],
  ['{{jsonDecode "{\\"a\\":[1]}"}}', { a: [1] }],
  [`{{jsonDecode '{"a":[1]}'}}`, { a: [1] }],
  ['{{jsonDecode "{nope"}}', undefined],
  ['{{jsonDecode 5}}', 5],
  ['{{obj a=1 b="x"}}', { a: 1, b: 'x' }],
  ['{{array 1 "x" list}}', [1, 'x', [3, 1, 2]]],
  ['{{merge (obj a=1 b=2) (obj b=3) (obj c=4)}}', { a: 1, b: 3, c: 4 }],
  ['{{lookup nested "a"}}', 1],
  ['{{lookup list 1}}', 1],
  ['{{lookup nested "constructor"}}', undefined],
  ['{{last list}}', 2],
  ['{{last "abc"}}', 'c'],
  ['{{indexByKey rows "b"}}', 1],
  ['{{indexByKey rows "y" "id.n"}}', 1],
  ['{{indexByKey rows "z"}}', -1],
  ['{{valueByKey rows "b"}}', 2],
  ['{{valueByKey rows "x" "id.n" "label"}}', 'first'],
  ['{{valueByKey rows "z"}}', undefined],
  ['{{format 1234.5678}}', '1,234.57'],
  ['{{format 1234.5 ",.2f"}}', '1,234.50'],
  ['{{format "3.14159" ".2f"}}', '3.14'],
  ['{{format 255 "x"}}', 'ff'],
  ['{{format date}}', '02/29/2024 12:30:05 PM'],
  ['{{format iso "MMMM"}}', 'February'],
  ['{{format date "x"}}', String(NOW)],
  [`{{format ${NOW} "YYYY-MM-DD"}}`, '2024-02-29'],
  ['{{format nested}}', '{"a":1,"b":[1,2]}'],
  ['{{format "words" ".2f"}}', 'words'],
  ['{{format missing ".2f"}}', ''],
  ['{{formatDate date "YYYY-MM-DD HH:mm"}}', '2024-02-29 12:30'],
  ['{{formatDate iso "HH:mm z" tz="America/New_York"}}', '07:30 EST'],
  ['{{formatDate date "dddd" locale="de"}}', 'Donnerstag'],
  ['{{formatDate date "dddd" locale="../../x"}}', 'Thursday'],
  ['{{formatDate "never" "YYYY"}}', 'Invalid date'],
  ['{{formatDate missing "YYYY"}}', ''],
  [`{{formatDateRelative ${NOW - 300_000}}}`, '5 minutes ago'],
  [`{{formatDateRelative ${NOW + 7_200_000}}}`, 'in 2 hours'],
  [`{{formatDateRelative ${NOW} ${NOW + 86_400_000}}}`, 'a day ago'],
  [`{{formatDateRelative ${NOW - 300_000} locale="fr"}}`, 'il y a 5 minutes'],
  ['{{currentDateTime "YYYY-MM-DD HH:mm:ss"}}', '2024-02-29 12:30:05'],
  ['{{currentDateTime "HH:mm" tz="Asia/Tokyo"}}', '21:30'],
  ['{{currentDateTime}}', '2024-02-29T12:30:05Z'],
  ['{{formatGps gps}}', '51.5,-0.125'],
  ['{{formatGps "51.123456789,-0.1" "decimal" 3}}', '51.123,-0.1'],
  ['{{formatGps gps "degrees"}}', '51.5° N, 0.125° W'],
  ['{{formatGps gps "sexagesimal"}}', `51° 30' 0" N, 0° 7' 30" W`],
  ['{{formatGps gps "gga" 4}}', '5130.0000,N,00007.5000,W'],
  ['{{formatGps (formatGps gps "gga" 4)}}', '51.5,-0.125'],
  ['{{formatGps (formatGps gps "sexagesimal")}}', '51.5,-0.125'],
  ['{{formatGps "nowhere"}}', 'nowhere'],
  ['{{floor (gpsDistance "52.5200,13.4050" "48.8566,2.3522")}}', 877_464],
  ['{{gpsDistance gps gps}}', 0],
  ['{{gpsDistance gps "nowhere"}}', undefined],
  ['{{gpsIsPointInside "5,5" square}}', true],
  ['{{gpsIsPointInside "5,15" square}}', false],
  ['{{gpsIsPointInside gps list}}', undefined],
  ['{{toHtml html}}', '<p class="a&quot;b" hidden>1 &lt; 2</p><br><!-- c -->z'],
  ['{{toHtml "<b>&"}}', '&lt;b&gt;&amp;'],
  ['{{template "{{s}}!"}}', 'Hello wORLD!'],
  ['{{template "{{a}}" nested}}', '1'],
  ['{{evalExpression "{{list.[0]}} * 2"}}', 6],
  ['{{evalExpression "{{a}} + 1" nested}}', 2],
  ['{{eq 1 1}}', true],
  ['{{ne 1 "1"}}', true],
  ['{{gt 2 1}}', true],
  ['{{gte "b" "a"}}', true],
  ['{{lt "10" "9"}}', true],
  ['{{lte 10 "9"}}', false],
  ['{{match s "hello"}}', false],
  ['{{match s "(Hello|Bye) w[A-Z]{4}$"}}', true],
  ['{{includes list 2}}', true],
];

describe('inline helpers', () => {
  it.each(cases)('%s', (template, value) => expect(renderValue(template, context, { now: NOW })).toEqual(value));

  it('are each tried above', () => {
    const tried = cases.map(([template]) => template).join(' ');
    expect(Object.keys(HELPERS).filter((name) => !new RegExp(`\\b${name}\\b`).test(tried))).toEqual([]);
  });

  it('refuse a time zone there is none of, rather than show another’s time', () => {
    expect(() => render('{{formatDate date "HH" tz="Mars/Olympus"}}', context)).toThrow(/time zone/);
    expect(() => render('{{formatDate date "HH" tz="constructor"}}', context)).toThrow(/time zone/);
  });

  it('read no local time zone', () => expect(render('{{formatDate "2024-02-29 10:00" "HH:mm"}}', {})).toBe('10:00'));

  it('leave moment’s language as it was', () => {
    render('{{formatDate date "dddd" locale="de"}}', context);
    expect(render('{{formatDate date "dddd"}}', context)).toBe('Thursday');
  });
});
