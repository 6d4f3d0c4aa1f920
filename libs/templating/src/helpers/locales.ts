/** The languages moment has words for; anything else is English. Listed so that no name a user writes is ever looked for on disk. */
export const LOCALES: ReadonlySet<string> = new Set(
  (
    'en af am-et ar ar-dz ar-kw ar-ly ar-ma ar-ps ar-sa ar-tn az be bg bm bn bn-bd bo br bs ca cs cv cy da de de-at ' +
    'de-ch dv el en-au en-ca en-gb en-ie en-il en-in en-nz en-sg eo es es-do es-mx es-us et eu fa fi fil fo fr fr-ca ' +
    'fr-ch fy ga gd gl gom-deva gom-latn gu he hi hr hu hy-am id is it it-ch ja jv ka kk km kn ko ku ku-kmr ky lb lo lt ' +
    'lv me mi mk ml mn mr ms ms-my mt my nb ne nl nl-be nn oc-lnc pa-in pl ps pt pt-br ro ru sd se si sk sl sq sr ' +
    'sr-cyrl ss sv sw ta te tet tg th tk tl-ph tlh tr tzl tzm tzm-latn ug-cn uk ur uz uz-latn vi x-pseudo yo zh-cn zh-hk ' +
    'zh-mo zh-tw'
  ).split(' '),
);
