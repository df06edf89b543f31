// The guest of bound.rs: what it is asked it asks the host, under the same name,
// and answers what that answered.
package main

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"

	"every-type/baepo"
)

func main() {}

func init() {
	// The collector runs all the time, and finds what nobody keeps.
	debug.SetGCPercent(1)
	baepo.ExportShapes(shapes{})
	baepo.ExportActs(acts{})
}

type acts struct{}

// Sum lets the host add, and gives back all that it was given.
func (acts) Sum(numbers []uint32) (uint32, error) {
	sum := baepo.NewThing(0)
	for _, number := range numbers {
		thing, err := baepo.ThingsFind(number)
		if err != nil {
			sum.Drop()
			return 0, fmt.Errorf("number %d: %w", number, err)
		}
		joined := sum.Join(thing)
		thing.Drop()
		sum.Drop()
		sum = joined
	}
	twin := baepo.ThingTwin(sum)
	sum.Drop()
	defer twin.Drop()
	return twin.Number(), nil
}

func (acts) Broken() baepo.Tuple2[string, []rune] {
	letters := []rune{'a', 0xd800, 0x110000, -1, 'ß'}
	return baepo.Tuple2[string, []rune]{F0: "a\xff\xfeb\xe2\x82", F1: letters}
}

func (acts) BrokenMany(count uint32) []string {
	texts := make([]string, count)
	for n := range texts {
		texts[n] = fmt.Sprintf("\xff%01000d", n)
	}
	return texts
}

// Churn holds what the host gives while the collector runs.
func (acts) Churn(times, size uint32) uint64 {
	var sum uint64
	for range times {
		texts := baepo.ShapesStrings([]string{string(make([]byte, size)), fmt.Sprint(sum)})
		runtime.GC()
		bytes := baepo.ShapesBytes(make([]byte, size))
		runtime.GC()
		for _, text := range texts {
			sum += uint64(len(text))
			for _, letter := range []byte(text) {
				sum += uint64(letter)
			}
		}
		for _, number := range bytes {
			sum += uint64(number)
		}
	}
	return sum
}

func (acts) Fall(how uint32) (uint32, error) {
	return how, fall(how)
}

func (acts) FallAround(how uint32) error {
	return fall(how)
}

type misfit struct{}

func (misfit) String() string { return "a misfit" }

func fall(how uint32) error {
	switch how {
	case 0:
		var none map[string]int
		none["a"] = 1
	case 1:
		var none *baepo.Thing
		none.Number()
	case 2:
		panic("in words")
	case 3:
		panic(misfit{})
	case 4:
		return errors.New("an error of any kind")
	case 5:
		return fmt.Errorf("around: %w", baepo.HookErrorDenied("run: make"))
	case 6:
		return fmt.Errorf("around: %w", baepo.HookErrorFailed("inside"))
	case 7:
		return baepo.TargetErrorFenced{}
	case 8:
		list := []int{}
		list[how] = 1
	}
	return nil
}

type shapes struct{}

func (shapes) OneBool(v bool) bool {
	return baepo.ShapesOneBool(v)
}

func (shapes) OneU8(v uint8) uint8 {
	return baepo.ShapesOneU8(v)
}

func (shapes) OneS8(v int8) int8 {
	return baepo.ShapesOneS8(v)
}

func (shapes) OneU16(v uint16) uint16 {
	return baepo.ShapesOneU16(v)
}

func (shapes) OneS16(v int16) int16 {
	return baepo.ShapesOneS16(v)
}

func (shapes) OneU32(v uint32) uint32 {
	return baepo.ShapesOneU32(v)
}

func (shapes) OneS32(v int32) int32 {
	return baepo.ShapesOneS32(v)
}

func (shapes) OneU64(v uint64) uint64 {
	return baepo.ShapesOneU64(v)
}

func (shapes) OneS64(v int64) int64 {
	return baepo.ShapesOneS64(v)
}

func (shapes) OneF32(v float32) float32 {
	return baepo.ShapesOneF32(v)
}

func (shapes) OneF64(v float64) float64 {
	return baepo.ShapesOneF64(v)
}

func (shapes) OneChar(v rune) rune {
	return baepo.ShapesOneChar(v)
}

func (shapes) OneString(v string) string {
	return baepo.ShapesOneString(v)
}

func (shapes) OneColor(v baepo.Color) baepo.Color {
	return baepo.ShapesOneColor(v)
}

func (shapes) OneStep(v baepo.Step) baepo.Step {
	return baepo.ShapesOneStep(v)
}

func (shapes) OneFew(v baepo.Few) baepo.Few {
	return baepo.ShapesOneFew(v)
}

func (shapes) OneSome(v baepo.ShapesSome) baepo.ShapesSome {
	return baepo.ShapesOneSome(v)
}

func (shapes) OneMany(v baepo.Many) baepo.Many {
	return baepo.ShapesOneMany(v)
}

func (shapes) OnePoint(v baepo.Point) baepo.Point {
	return baepo.ShapesOnePoint(v)
}

func (shapes) OneGaps(v baepo.Gaps) baepo.Gaps {
	return baepo.ShapesOneGaps(v)
}

func (shapes) OnePerson(v baepo.Person) baepo.Person {
	return baepo.ShapesOnePerson(v)
}

func (shapes) OneMixed(v baepo.Mixed) baepo.Mixed {
	return baepo.ShapesOneMixed(v)
}

func (shapes) OneNarrow(v baepo.Narrow) baepo.Narrow {
	return baepo.ShapesOneNarrow(v)
}

func (shapes) OneOuter(v baepo.Outer) baepo.Outer {
	return baepo.ShapesOneOuter(v)
}

func (shapes) OneNames(v baepo.Names) baepo.Names {
	return baepo.ShapesOneNames(v)
}

func (shapes) Nothing() {
	baepo.ShapesNothing()
}

func (shapes) Takes(a uint8, b string, c baepo.Narrow) {
	baepo.ShapesTakes(a, b, c)
}

func (shapes) Gives() baepo.Person {
	return baepo.ShapesGives()
}

func (shapes) Bytes(v []byte) []byte {
	return baepo.ShapesBytes(v)
}

func (shapes) SmallInts(a []int8, b []uint16, c []int16) []int16 {
	return baepo.ShapesSmallInts(a, b, c)
}

func (shapes) Ints(a []uint32, b []int32) []uint32 {
	return baepo.ShapesInts(a, b)
}

func (shapes) Longs(a []uint64, b []int64) []int64 {
	return baepo.ShapesLongs(a, b)
}

func (shapes) Floats(a []float32, b []float64) []float64 {
	return baepo.ShapesFloats(a, b)
}

func (shapes) Bools(v []bool) []bool {
	return baepo.ShapesBools(v)
}

func (shapes) Chars(v []rune) []rune {
	return baepo.ShapesChars(v)
}

func (shapes) Strings(v []string) []string {
	return baepo.ShapesStrings(v)
}

func (shapes) Colors(v []baepo.Color) []baepo.Color {
	return baepo.ShapesColors(v)
}

func (shapes) Steps(v []baepo.Step) []baepo.Step {
	return baepo.ShapesSteps(v)
}

func (shapes) FlagSets(a []baepo.Few, b []baepo.ShapesSome, c []baepo.Many) []baepo.Many {
	return baepo.ShapesFlagSets(a, b, c)
}

func (shapes) Nested(v [][][]string) [][][]string {
	return baepo.ShapesNested(v)
}

func (shapes) People(v []baepo.Person) []baepo.Person {
	return baepo.ShapesPeople(v)
}

func (shapes) AllGaps(v []baepo.Gaps) []baepo.Gaps {
	return baepo.ShapesAllGaps(v)
}

func (shapes) Variants(v []baepo.Mixed) []baepo.Mixed {
	return baepo.ShapesVariants(v)
}

func (shapes) Narrows(v []baepo.Narrow) []baepo.Narrow {
	return baepo.ShapesNarrows(v)
}

func (shapes) Outers(v []baepo.Outer) []baepo.Outer {
	return baepo.ShapesOuters(v)
}

func (shapes) Pairs(v [][2]string) [][2]string {
	return baepo.ShapesPairs(v)
}

func (shapes) Tuples(v baepo.Tuple3[uint8, string, float64], w baepo.Tuple2[bool, baepo.Tuple2[int16, uint64]]) baepo.Tuple2[baepo.Tuple3[uint8, string, float64], []baepo.Tuple2[uint8, uint64]] {
	return baepo.ShapesTuples(v, w)
}

func (shapes) Single(v [1]string) [1]string {
	return baepo.ShapesSingle(v)
}

func (shapes) OptionInt(v *uint64) *uint64 {
	return baepo.ShapesOptionInt(v)
}

func (shapes) OptionBool(v *bool) *bool {
	return baepo.ShapesOptionBool(v)
}

func (shapes) OptionText(v *string) *string {
	return baepo.ShapesOptionText(v)
}

func (shapes) OptionBytes(v *[]byte) *[]byte {
	return baepo.ShapesOptionBytes(v)
}

func (shapes) OptionColor(v *baepo.Color) *baepo.Color {
	return baepo.ShapesOptionColor(v)
}

func (shapes) OptionVariant(v baepo.Mixed) baepo.Mixed {
	return baepo.ShapesOptionVariant(v)
}

func (shapes) OptionOption(v **uint32) **uint32 {
	return baepo.ShapesOptionOption(v)
}

func (shapes) OptionVariantTwice(v *baepo.Narrow) *baepo.Narrow {
	return baepo.ShapesOptionVariantTwice(v)
}

func (shapes) Options(v []**string) []*float32 {
	return baepo.ShapesOptions(v)
}

func (shapes) FailsWithVariant(v uint32) (baepo.Person, error) {
	return baepo.ShapesFailsWithVariant(v)
}

func (shapes) FailsWithText(v string) (uint64, error) {
	return baepo.ShapesFailsWithText(v)
}

func (shapes) FailsWithEnum(v uint32) (string, error) {
	return baepo.ShapesFailsWithEnum(v)
}

func (shapes) FailsWithRecord(v uint32) ([]string, error) {
	return baepo.ShapesFailsWithRecord(v)
}

func (shapes) FailsWithList(v uint32) (uint8, error) {
	return baepo.ShapesFailsWithList(v)
}

func (shapes) FailsWithLong() (float32, error) {
	return baepo.ShapesFailsWithLong()
}

func (shapes) FailsSilently(v uint32) (string, error) {
	return baepo.ShapesFailsSilently(v)
}

func (shapes) SucceedsSilently(v uint32) error {
	return baepo.ShapesSucceedsSilently(v)
}

func (shapes) FailsAlone(v uint32) error {
	return baepo.ShapesFailsAlone(v)
}

func (shapes) SaysNothing(v uint32) error {
	return baepo.ShapesSaysNothing(v)
}

func (shapes) FailsVariantInside() (baepo.Mixed, error) {
	return baepo.ShapesFailsVariantInside()
}

func (shapes) GivenResults(a baepo.Result[uint32, string], b baepo.Result[string, struct{}], c baepo.Result[struct{}, uint64], d baepo.Result[struct{}, struct{}]) []baepo.Result[float64, baepo.Mixed] {
	return baepo.ShapesGivenResults(a, b, c, d)
}

func (shapes) OptionOfResult(v *baepo.Result[*uint8, string]) (*string, error) {
	return baepo.ShapesOptionOfResult(v)
}

func (shapes) Sixteen(a uint8, b int8, c uint16, d int16, e uint32, f int32, g uint64, h int64, i float32, j float64, k bool, l rune, m uint8, n uint64, o float32, p int64) uint64 {
	return baepo.ShapesSixteen(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p)
}

func (shapes) Seventeen(a uint8, b int8, c uint16, d int16, e uint32, f int32, g uint64, h int64, i float32, j float64, k bool, l rune, m uint8, n uint64, o float32, p int64, q uint8) uint64 {
	return baepo.ShapesSeventeen(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q)
}

func (shapes) ManyTexts(a string, b string, c string, d string, e string, f string, g string, h string, i string) []string {
	return baepo.ShapesManyTexts(a, b, c, d, e, f, g, h, i)
}

func (shapes) ManyKinds(a baepo.Mixed, b baepo.Person, c *string, d []baepo.Gaps, e baepo.Tuple2[uint8, float64]) baepo.Tuple3[baepo.Mixed, baepo.Person, *string] {
	return baepo.ShapesManyKinds(a, b, c, d, e)
}

func (shapes) Exactly(a baepo.Mixed, b *uint64, c string, d []byte, e baepo.Narrow, f float64, g bool) (baepo.Mixed, error) {
	return baepo.ShapesExactly(a, b, c, d, e, f, g)
}

func (shapes) Lend(v *baepo.Thing) uint32 {
	return baepo.ShapesLend(v)
}

func (shapes) Pass(v *baepo.Thing) *baepo.Thing {
	return baepo.ShapesPass(v)
}

func (shapes) LendMany(v []*baepo.Thing, w *baepo.Thing) []*baepo.Thing {
	return baepo.ShapesLendMany(v, w)
}

func (shapes) PassInside(v baepo.Tuple2[string, *baepo.Thing]) (*baepo.Thing, error) {
	return baepo.ShapesPassInside(v)
}
