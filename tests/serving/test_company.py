from app.serving.company import COMPANY_S, Company


def test_who_asks_alone_has_all_of_a_pass():
    company = Company(part_s=0.1)
    company.worked(weight=10, took_s=1.0)
    assert company.room(16, 1, 0.0) == 16
    for now_s in (0.0, 0.5, 0.9 * COMPANY_S, 2 * COMPANY_S):
        company.came("one", now_s)
    assert company.room(16, 1, 2 * COMPANY_S) == 16


def test_while_others_ask_the_part_of_one_is_what_it_gets_done_in_time():
    company = Company(part_s=0.1)
    company.came("one", 0.0)
    company.came("another", 5.0)
    assert company.room(16, 2, 5.0) == 16  # nobody knows yet how long work takes
    company.worked(weight=16, took_s=0.4)
    assert company.room(16, 2, 5.5) == 8
    assert company.room(16, 9, 5.5) == 16
    for _ in range(50):
        company.worked(weight=4, took_s=0.5)
    assert company.room(16, 2, 5.9) == 2
    assert company.room(16, 1, 5.0 + COMPANY_S) == 16
