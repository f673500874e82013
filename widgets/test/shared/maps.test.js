import { describe, expect, it } from "vitest";
import { bytesOfMaps, colorRange, decodeMaps, placeMap, valueAt } from "../../src/shared/maps.js";
import { ResultCache } from "../../src/shared/result_cache.js";
import { someMaps, somePackage } from "./fake_model.js";

describe("maps", () => {
  it("reads raw values from a buffer that begins at an odd byte", () => {
    const [map] = someMaps("k").maps;
    // Cell (row 0, column 1) has its centre at input (9, 2.5), which is (18, 5) in the photograph.
    expect(valueAt(map, 18, 5)).toBeCloseTo(5, 12);
    expect(valueAt(map, 30, 5)).toBeCloseTo(1, 12);
    expect(valueAt(map, 6, 15)).toBeCloseTo(2, 12);
  });

  it("is bilinear between cells and constant beyond the outer ones", () => {
    const [map] = someMaps("k").maps;
    expect(valueAt(map, 12, 5)).toBeCloseTo(2.5, 12);
    expect(valueAt(map, 18, 10)).toBeCloseTo(4, 12);
    expect(valueAt(map, 12, 10)).toBeCloseTo((0 + 5 + 2 + 3) / 4, 12);
    expect(valueAt(map, 39.5, 0.5)).toBeCloseTo(1, 12);
  });

  it("places the whole map as it reads single values, at any sampling", () => {
    const { maps, size } = someMaps("k");
    for (const [columns, rows] of [
      [40, 20],
      [13, 7],
    ]) {
      const placed = placeMap(maps[1], size, columns, rows);
      for (const [i, j] of [
        [0, 0],
        [columns - 1, 2],
        [5, rows - 1],
      ]) {
        const wanted = valueAt(maps[1], ((i + 0.5) * 40) / columns, ((j + 0.5) * 20) / rows);
        expect(placed[j * columns + i]).toBeCloseTo(wanted, 5);
      }
    }
  });

  it("is zero beyond a map that covers a part of the photograph, and reads it from its own corner", () => {
    const sent = somePackage("k");
    sent.grids[0].corner = [1, 2];
    const [map] = decodeMaps(sent).maps;
    // Cell (row 0, column 1) now has its centre at input (10, 4.5), which is (20, 9) in the photograph.
    expect(valueAt(map, 20, 9)).toBeCloseTo(5, 12);
    expect(valueAt(map, 1.9, 9)).toBe(0);
    expect(valueAt(map, 2.1, 9)).toBeCloseTo(0, 12);
    expect(valueAt(map, 32, 3.9)).toBe(0);
    expect(valueAt(map, 32, 4.1)).toBeCloseTo(1, 12);
    expect(valueAt(map, 38.1, 9)).toBe(0);
    const placed = placeMap(map, [20, 40], 40, 20);
    for (const [i, j] of [[0, 9], [19, 8], [39, 10], [33, 2], [31, 5]]) {
      expect(placed[j * 40 + i]).toBeCloseTo(valueAt(map, i + 0.5, j + 0.5), 5);
    }
  });

  it("lets a percentile end the colours, as NumPy has it", () => {
    const set = someMaps("k");
    // numpy.percentile([5, 1, 2, 3, 4], 90): the cell without evidence does not count.
    expect(colorRange(set, 0, false, 90).high).toBeCloseTo(4.6, 3);
    expect(colorRange(set, 0, false, 90)).toMatchObject({ low: 0, cutHigh: true, cutLow: false });
    expect(colorRange(set, 0, true, 90).high).toBeCloseTo(7, 3);
    const signed = colorRange(someMaps("k", { signed: true }), 0, false, 50);
    expect(signed.high).toBe(-signed.low);
    expect(signed.cutHigh).toBe(true);
    // Most of the second map is 0.
    expect(colorRange(set, 1, false, 50).high).toBeCloseTo(7.5, 3);
  });

  it("begins a map over the whole photograph where its grid says, and goes on beyond its last cells", () => {
    const sent = somePackage("k");
    sent.grids[0].shift = [-3, -2.5];
    const [map] = decodeMaps(sent).maps;
    const [plain] = decodeMaps(somePackage("k")).maps;
    expect(map.partial).toBe(false);
    // Half a cell of 6 x 5 input pixels is 3 x 2.5 of them, which is 6 x 5 of the photograph.
    expect(valueAt(map, 14, 9)).toBeCloseTo(valueAt(plain, 20, 14), 12);
    expect(valueAt(map, 40, 20)).toBeCloseTo(4, 12);
  });

  it("scales by object or for all together, and signed maps about zero", () => {
    expect(colorRange(someMaps("k"), 0, false)).toMatchObject({ low: 0, high: 5 });
    expect(colorRange(someMaps("k"), 0, true)).toMatchObject({ low: 0, high: 10 });
    expect(colorRange(someMaps("k", { signed: true }), 0, false)).toMatchObject({ low: -5, high: 5 });
  });

  it("gives up the least recently used beyond its limit", () => {
    const cache = new ResultCache(50, bytesOfMaps);
    cache.add(someMaps("a"));
    cache.add(someMaps("b"));
    cache.get("a");
    cache.add(someMaps("c"));
    expect(["a", "b", "c"].filter((key) => cache.has(key))).toEqual(["a", "c"]);
  });
});
