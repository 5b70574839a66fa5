"""The tokenizer that other tests use."""

from transformers import AutoTokenizer


def test_the_tokenizer_survives_a_save(tokenizer, tmp_path):
    text = "Two  words, isn't it?\n~"
    tokenizer.save_pretrained(tmp_path)
    for each in (tokenizer, AutoTokenizer.from_pretrained(tmp_path)):
        assert each(text).input_ids == [ord(letter) for letter in text]
        assert each.decode(each(text).input_ids) == text
        assert (len(each), each.pad_token_id, each.eos_token_id) == (128, 0, 1)
        assert each("é").input_ids == [each.unk_token_id] == [2]
