;; The merge of coded deltas: unpack codes, sum their squares, add them to sums of 64 bits.
;;
;; Every result equals, bit for bit, that of core/training: a code times its scale has at most 18
;; bits and is exact in 32, so (q s)^2 and its sum over a block of 256 are exact in 64; and a sum
;; grows by fp64(weight * fp64(q s)), as weightedMean has it. Scales come as 32-bit floats.
;; Which bytes lie where, and the codecs that are not blocks of codes, is fold.ts.
(module
  (import "host" "memory" (memory 2))

  ;; 4-bit codes, low nibble first, to 16 bits each; the bytes are a multiple of 4.
  (func (export "unpack4") (param $from i32) (param $to i32) (param $end i32)
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $from) (local.get $end)))
        (v128.store (local.get $to)
          (i16x8.shr_s
            (i16x8.mul
              (i8x16.swizzle (v128.load32_zero (local.get $from))
                (v128.const i8x16 0 255 0 255 1 255 1 255 2 255 2 255 3 255 3 255))
              (v128.const i16x8 4096 256 4096 256 4096 256 4096 256))
            (i32.const 12)))
        (local.set $from (i32.add (local.get $from) (i32.const 4)))
        (local.set $to (i32.add (local.get $to) (i32.const 16)))
        (br $next))))

  ;; 2-bit codes, lowest bits first, to 16 bits each; the bytes are a multiple of 2.
  (func (export "unpack2") (param $from i32) (param $to i32) (param $end i32)
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $from) (local.get $end)))
        (v128.store (local.get $to)
          (i16x8.shr_s
            (i16x8.mul
              (i8x16.swizzle (v128.load16_splat (local.get $from))
                (v128.const i8x16 0 255 0 255 0 255 0 255 1 255 1 255 1 255 1 255))
              (v128.const i16x8 16384 4096 1024 256 16384 4096 1024 256))
            (i32.const 14)))
        (local.set $from (i32.add (local.get $from) (i32.const 2)))
        (local.set $to (i32.add (local.get $to) (i32.const 16)))
        (br $next))))

  ;; 8-bit codes to 16 bits each; the bytes are a multiple of 8.
  (func (export "unpack8") (param $from i32) (param $to i32) (param $end i32)
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $from) (local.get $end)))
        (v128.store (local.get $to) (v128.load8x8_s (local.get $from)))
        (local.set $from (i32.add (local.get $from) (i32.const 8)))
        (local.set $to (i32.add (local.get $to) (i32.const 16)))
        (br $next))))

  ;; The squares of blocks of 256 values, summed block by block onto $sum. Gives -1 when a code is
  ;; the one that does not occur.
  (func (export "squares")
    (param $codes i32) (param $scales i32) (param $end i32) (param $never i32) (param $sum f64)
    (result f64)
    (local $stop i32) (local $q v128) (local $dots v128) (local $bad v128) (local $s f64)
    (local $pair v128)
    (block $done
      (loop $block
        (br_if $done (i32.ge_u (local.get $scales) (local.get $end)))
        (local.set $stop (i32.add (local.get $codes) (i32.const 512)))
        (local.set $dots (v128.const i32x4 0 0 0 0))
        (loop $next
          (local.set $q (v128.load (local.get $codes)))
          (local.set $dots
            (i32x4.add (local.get $dots) (i32x4.dot_i16x8_s (local.get $q) (local.get $q))))
          (local.set $bad
            (v128.or (local.get $bad)
              (i16x8.eq (local.get $q) (i16x8.splat (local.get $never)))))
          (local.set $codes (i32.add (local.get $codes) (i32.const 16)))
          (br_if $next (i32.lt_u (local.get $codes) (local.get $stop))))
        (local.set $s (f64.promote_f32 (f32.load (local.get $scales))))
        (local.set $pair
          (i32x4.add (local.get $dots)
            (i8x16.shuffle 8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7
              (local.get $dots) (local.get $dots))))
        (local.set $sum
          (f64.add (local.get $sum)
            (f64.mul (f64.mul (local.get $s) (local.get $s))
              (f64.convert_i32_s
                (i32.add (i32x4.extract_lane 0 (local.get $pair))
                  (i32x4.extract_lane 1 (local.get $pair)))))))
        (local.set $scales (i32.add (local.get $scales) (i32.const 4)))
        (br $block)))
    (select (f64.const -1) (local.get $sum) (v128.any_true (local.get $bad))))

  ;; sums += weight * (q s) over blocks of 256 codes of 16 bits.
  (func (export "addCodes")
    (param $codes i32) (param $scales i32) (param $end i32) (param $sums i32) (param $weight f64)
    (local $stop i32) (local $q v128) (local $f v128) (local $s v128) (local $ww v128)
    (local.set $ww (f64x2.splat (local.get $weight)))
    (block $done
      (loop $block
        (br_if $done (i32.ge_u (local.get $scales) (local.get $end)))
        (local.set $s (v128.load32_splat (local.get $scales)))
        (local.set $stop (i32.add (local.get $codes) (i32.const 512)))
        (loop $next
          (local.set $q (v128.load (local.get $codes)))
          (local.set $f
            (f32x4.mul
              (f32x4.convert_i32x4_s (i32x4.extend_low_i16x8_s (local.get $q)))
              (local.get $s)))
          (v128.store offset=0 (local.get $sums)
            (f64x2.add (v128.load offset=0 (local.get $sums))
              (f64x2.mul (f64x2.promote_low_f32x4 (local.get $f)) (local.get $ww))))
          (v128.store offset=16 (local.get $sums)
            (f64x2.add (v128.load offset=16 (local.get $sums))
              (f64x2.mul
                (f64x2.promote_low_f32x4
                  (i8x16.shuffle 8 9 10 11 12 13 14 15 8 9 10 11 12 13 14 15
                    (local.get $f) (local.get $f)))
                (local.get $ww))))
          (local.set $f
            (f32x4.mul
              (f32x4.convert_i32x4_s (i32x4.extend_high_i16x8_s (local.get $q)))
              (local.get $s)))
          (v128.store offset=32 (local.get $sums)
            (f64x2.add (v128.load offset=32 (local.get $sums))
              (f64x2.mul (f64x2.promote_low_f32x4 (local.get $f)) (local.get $ww))))
          (v128.store offset=48 (local.get $sums)
            (f64x2.add (v128.load offset=48 (local.get $sums))
              (f64x2.mul
                (f64x2.promote_low_f32x4
                  (i8x16.shuffle 8 9 10 11 12 13 14 15 8 9 10 11 12 13 14 15
                    (local.get $f) (local.get $f)))
                (local.get $ww))))
          (local.set $codes (i32.add (local.get $codes) (i32.const 16)))
          (local.set $sums (i32.add (local.get $sums) (i32.const 64)))
          (br_if $next (i32.lt_u (local.get $codes) (local.get $stop))))
        (local.set $scales (i32.add (local.get $scales) (i32.const 4)))
        (br $block))))

  ;; sums += weight * value over 32-bit floats; their count is a multiple of 4.
  (func (export "addFloats")
    (param $from i32) (param $end i32) (param $sums i32) (param $weight f64)
    (local $f v128) (local $ww v128)
    (local.set $ww (f64x2.splat (local.get $weight)))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $from) (local.get $end)))
        (local.set $f (v128.load (local.get $from)))
        (v128.store (local.get $sums)
          (f64x2.add (v128.load (local.get $sums))
            (f64x2.mul (f64x2.promote_low_f32x4 (local.get $f)) (local.get $ww))))
        (v128.store offset=16 (local.get $sums)
          (f64x2.add (v128.load offset=16 (local.get $sums))
            (f64x2.mul
              (f64x2.promote_low_f32x4
                (i8x16.shuffle 8 9 10 11 12 13 14 15 8 9 10 11 12 13 14 15
                  (local.get $f) (local.get $f)))
              (local.get $ww))))
        (local.set $from (i32.add (local.get $from) (i32.const 16)))
        (local.set $sums (i32.add (local.get $sums) (i32.const 32)))
        (br $next)))))
